// The object store over manifest files: what `-f` names.
#pragma once

#include <istream>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "kube/object_store.h"

namespace rebalance {

// A file, a folder (its *.yaml, *.yml and *.json, sorted, not below) or "-" (the given stream, read once).
class ManifestFiles : public ObjectStore {
 public:
  ManifestFiles(std::vector<std::string> names, std::istream& standard_input);

  // kInvalidInput: a file that cannot be read or understood, not exactly one RedisRebalance, no pod that its
  // selector matches (with the labels that the pods do have), two pods at one address.
  Result<Objects> load() override;
  Result<SecretData> secret(const std::string& name_space, const std::string& name) override;

  // The same, but no pod needs to match: for planning on a world that was saved.
  Result<Objects> load_rehearsal();

  // Only the pods, for callers whose spec comes from elsewhere.
  Result<std::vector<PodState>> load_pods(const ClusterSpec& cluster, const std::string& name_space);

 private:
  struct File {
    std::string name;
    std::vector<YamlNode> documents;
  };
  enum class Pods { kNeeded, kIfAny };
  Result<Objects> load(Pods wanted);
  Result<std::vector<File>> read();
  Result<std::string> read_text(const std::string& name);

  std::vector<std::string> names_;
  std::istream& standard_input_;
  std::mutex mutex_;  // of piped_
  std::optional<std::string> piped_;
};

}  // namespace rebalance
