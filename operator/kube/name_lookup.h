// The addresses of a host name, asked for by ourselves: the HTTP library would ask on one thread for
// everybody, and its question could not be given up (a silent name server then stops every connection).
#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace rebalance {

// Thread-safe. Its end waits for a question that is under way: as long as the C library lets it
// (resolv.conf).
class NameLookup {
 public:
  explicit NameLookup(std::string host) : host_(std::move(host)) {}

  // IP literals, the one to try first in front; never empty. An IP literal is its own address. Kept for a
  // minute, and longer while the name server does not answer.
  Result<std::vector<std::string>> addresses(Instant end, const std::stop_token& stop);

  // Nobody answered there: it is tried last from now on.
  void demote(const std::string& address);

 private:
  void ask();

  const std::string host_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<std::string> found_;
  std::string failure_;
  Instant found_at_;
  bool asking_ = false;
  std::jthread thread_;  // last: it ends before what it uses
};

}  // namespace rebalance
