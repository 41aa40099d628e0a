// Read your writes: a copy that is older than our own last write must not be decided upon.
//
// Resource versions that are decimal numbers are compared as such (KEP-5504 allows it from Kubernetes 1.35,
// and every API server on etcd has written them so). Others are compared for equality alone: another's write
// after ours then makes the copy look old until forget(). Pure; not thread-safe.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <string_view>

namespace rebalance {

class OwnWrites {
 public:
  // Our write of the object `uid` was answered with this version.
  void wrote(const std::string& uid, const std::string& version) { last_[uid] = version; }
  void forget(const std::string& uid) { last_.erase(uid); }

  // The copy with this version is older than our last write: wait for the watch.
  bool stale(const std::string& uid, std::string_view version) const {
    const auto found = last_.find(uid);
    if (found == last_.end() || found->second == version) return false;
    const std::string_view ours = found->second;
    if (!decimal(ours) || !decimal(version)) return true;
    return version.size() != ours.size() ? version.size() < ours.size() : version < ours;
  }

 private:
  static bool decimal(std::string_view text) {
    return !text.empty() && text.front() != '0' &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  }
  std::map<std::string, std::string> last_;  // UID -> version
};

}  // namespace rebalance
