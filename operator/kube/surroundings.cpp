#include "kube/surroundings.h"

#include <fmt/format.h>

#include <memory>
#include <mutex>
#include <random>

namespace rebalance {

std::function<double()> fair_dice() {
  struct Dice {
    std::mutex mutex;
    std::mt19937_64 engine{std::random_device{}()};
  };
  return [dice = std::make_shared<Dice>()] {
    const std::scoped_lock lock(dice->mutex);
    return std::uniform_real_distribution<double>(0, 1)(dice->engine);
  };
}

std::string micro_time(std::chrono::system_clock::time_point time) {
  const auto second = std::chrono::floor<std::chrono::seconds>(time);
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(time - second).count();
  auto text = rfc3339(second);
  text.pop_back();  // the Z
  return fmt::format("{}.{:06}Z", text, micros);
}

}  // namespace rebalance
