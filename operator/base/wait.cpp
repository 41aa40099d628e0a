#include "base/wait.h"

#include <condition_variable>
#include <mutex>

namespace rebalance {

bool wait_for(std::stop_token stop, Millis time) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  if (time > Millis(0)) never.wait_for(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace rebalance
