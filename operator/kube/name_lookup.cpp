#include "kube/name_lookup.h"

#include <fmt/format.h>
#include <netdb.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/host.h"

namespace rebalance {
namespace {

constexpr Millis kFresh{60'000};

struct Answer {
  std::vector<std::string> addresses;
  std::string failure;
};

Answer ask_system(const std::string& host) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_ADDRCONFIG;
  addrinfo* raw = nullptr;
  const int code = getaddrinfo(host.c_str(), nullptr, &wanted, &raw);
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> all(raw, freeaddrinfo);
  Answer answer;
  if (code != 0) answer.failure = gai_strerror(code);
  for (const addrinfo* one = all.get(); code == 0 && one != nullptr; one = one->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (getnameinfo(one->ai_addr, one->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) ==
        0) {
      answer.addresses.emplace_back(text.data());
    }
  }
  return answer;
}

}  // namespace

void NameLookup::ask() {
  auto answer = ask_system(host_);
  const std::scoped_lock lock(mutex_);
  failure_ = std::move(answer.failure);
  if (!answer.addresses.empty()) {
    found_ = std::move(answer.addresses);
    found_at_ = BootClock::now();
  }
  asking_ = false;
  changed_.notify_all();
}

Result<std::vector<std::string>> NameLookup::addresses(Instant end, const std::stop_token& stop) {
  if (is_ip_literal(host_)) return std::vector{host_};
  std::unique_lock lock(mutex_);
  if (!found_.empty() && BootClock::now() - found_at_ < kFresh) return found_;
  if (!asking_) {
    asking_ = true;
    thread_ = std::jthread([this] { ask(); });
  }
  const bool answered = changed_.wait_until(lock, stop, end, [this] { return !asking_; });
  if (!found_.empty()) return found_;
  if (stop.stop_requested())
    return error(ErrorCode::kStopped, fmt::format("looking up {} was stopped", host_));
  if (!answered) {
    return error(ErrorCode::kTimeout, fmt::format("no name server answered for {} in time", host_));
  }
  return error(ErrorCode::kUnavailable, fmt::format("the name {} has no address: {}", host_, failure_));
}

void NameLookup::demote(const std::string& address) {
  const std::scoped_lock lock(mutex_);
  const auto found = std::ranges::find(found_, address);
  if (found != found_.end()) std::rotate(found, found + 1, found_.end());
}

}  // namespace rebalance
