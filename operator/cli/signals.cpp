#include "cli/signals.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <system_error>

namespace rebalance {
namespace {

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

Descriptor opened(int number, const char* what) {
  if (number < 0) throw std::system_error(errno, std::generic_category(), what);
  return Descriptor(number);
}

}  // namespace

StopOnSignal::StopOnSignal(std::function<void()> first, std::function<void()> again)
    : first_(std::move(first)), again_(std::move(again)) {
  const auto set = stop_signals();
  signals_ = opened(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), "signalfd");
  wake_ = opened(eventfd(0, EFD_CLOEXEC), "eventfd");
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  thread_ = std::jthread([this](std::stop_token ended) { wait(ended); });
}

StopOnSignal::~StopOnSignal() {
  thread_.request_stop();
  eventfd_write(wake_.number(), 1);
  thread_.join();
  const auto set = stop_signals();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void StopOnSignal::wait(std::stop_token ended) {
  std::array<pollfd, 2> watched = {pollfd{signals_.number(), POLLIN, 0}, pollfd{wake_.number(), POLLIN, 0}};
  while (!ended.stop_requested()) {
    if (poll(watched.data(), watched.size(), -1) < 0) continue;
    signalfd_siginfo seen{};
    if (read(signals_.number(), &seen, sizeof seen) != sizeof seen) continue;
    if (stop_.request_stop()) {
      first_();
    } else {
      again_();
    }
  }
}

}  // namespace rebalance
