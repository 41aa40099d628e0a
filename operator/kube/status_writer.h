// Writes the status of a resource: server-side apply with one field manager, so that the whole status is
// always what we said last; on change only, and not more often than people read.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <variant>

#include "kube/api_client.h"
#include "kube/surroundings.h"

namespace rebalance {

inline constexpr auto kFieldManager = "redis-rebalance";

// When a status may be written. Pure.
class StatusLimiter {
 public:
  explicit StatusLimiter(Millis period = Millis(5000)) : period_(period) {}

  struct Nothing {};  // it is what was written last
  struct Now {};
  struct Later {
    Instant when;
  };
  std::variant<Nothing, Now, Later> decide(const std::string& status, bool urgent, Instant now) const;
  void written(const std::string& status, Instant now);

 private:
  Millis period_;
  std::optional<std::string> last_;
  Instant last_time_;
};

struct StatusTarget {
  ApiResource resource;
  std::string kind, name_space, name;
  std::string uid;  // a namesake that was created anew is another object, and is left alone
};

struct StatusWritten {
  std::string resource_version;  // of the object after it
};
struct StatusUnchanged {};
struct StatusDeferred {
  Instant when;  // call again then
};
struct StatusGone {};      // there is no such object
struct StatusReplaced {};  // a namesake with another UID is in its place
using StatusOutcome =
    std::variant<StatusWritten, StatusUnchanged, StatusDeferred, StatusGone, StatusReplaced, ApiError>;

// Thread-safe; one object is to be written by one thread at a time.
class StatusWriter {
 public:
  explicit StatusWriter(ApiClient& client, Surroundings around = {}, Millis period = Millis(5000))
      : client_(client), around_(std::move(around)), period_(period) {}

  // `status`: the whole of what we own, JSON; what it omits is removed from the object. `urgent`: a change of
  // state, which does not wait for the five seconds.
  StatusOutcome write(const StatusTarget& target, const std::string& status, bool urgent,
                      std::stop_token stop);

  // The next status of this object is written whatever it was: it is gone, or somebody else wrote it.
  void forget(const std::string& uid);

 private:
  std::string known_version(const std::string& uid);  // empty: to be asked for
  StatusWritten written(const StatusTarget& target, const std::string& status, std::string version);

  ApiClient& client_;
  const Surroundings around_;
  const Millis period_;
  std::mutex mutex_;
  std::map<std::string, StatusLimiter> limiters_;  // by UID
  std::map<std::string, std::string> versions_;    // of the objects as we left them, by UID
};

}  // namespace rebalance
