#include "kube/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <optional>

#include "base/descriptor.h"

namespace rebalance {
namespace {

std::string name_of(const std::string& entry) { return entry.substr(0, entry.find('=')); }

std::vector<std::string> whole_environment(const ChildCommand& command) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const auto name = name_of(*entry);
    const bool replaced =
        std::ranges::any_of(command.environment, [&](const auto& added) { return added.first == name; });
    if (!replaced) all.emplace_back(*entry);
  }
  for (const auto& [name, value] : command.environment) all.push_back(fmt::format("{}={}", name, value));
  return all;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (auto& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// A process group of its own, so that all of it can be killed; ordinary signals; no file of ours.
Result<pid_t> start(const ChildCommand& command, int output) {
  auto arguments = command.arguments;
  auto environment = whole_environment(command);
  auto argv = pointers_to(arguments);
  auto envp = pointers_to(environment);
  posix_spawn_file_actions_t files{};
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
  posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
  posix_spawnattr_t attributes{};
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  pid_t pid = -1;
  const int failure = posix_spawnp(&pid, argv[0], &files, &attributes, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  if (failure != 0) {
    return error(ErrorCode::kUnavailable,
                 fmt::format("{} cannot be started: {}", command.arguments[0], std::strerror(failure)));
  }
  return pid;
}

int exit_code_of(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Reads until the program closes its output; the error says why that was not waited for.
Result<std::string> read_all(const ChildCommand& command, int output, const std::stop_token& stop) {
  const Descriptor wake(eventfd(0, EFD_CLOEXEC));
  const std::stop_callback on_stop(stop, [&] { eventfd_write(wake.number(), 1); });
  const auto end = BootClock::now() + command.limit;
  std::string text;
  std::array<char, 4096> buffer{};
  while (true) {
    const auto left = std::chrono::ceil<Millis>(end - BootClock::now());
    std::array<pollfd, 2> files{{{output, POLLIN, 0}, {wake.number(), POLLIN, 0}}};
    const int ready = left.count() > 0 ? poll(files.data(), files.size(), static_cast<int>(left.count())) : 0;
    if (ready < 0 && errno == EINTR) continue;
    const auto& program = command.arguments[0];
    if (stop.stop_requested()) return error(ErrorCode::kStopped, fmt::format("{} was stopped", program));
    if (ready <= 0) {
      return error(ErrorCode::kTimeout,
                   fmt::format("{} did not end within {} s", program, command.limit.count() / 1000));
    }
    const auto count = read(output, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
    if (text.size() > command.most_bytes) {
      return invalid_input(fmt::format("{} says more than {} bytes", program, command.most_bytes));
    }
  }
}

}  // namespace

Result<ChildOutput> run_child(const ChildCommand& command, const std::stop_token& stop) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0)
    return error(ErrorCode::kInternal,
                 fmt::format("no pipe for {}: {}", command.arguments[0], std::strerror(errno)));
  const Descriptor ours(ends[0]);
  Descriptor theirs(ends[1]);
  TRY(pid, start(command, theirs.number()));
  theirs = Descriptor();
  auto text = read_all(command, ours.number(), stop);
  if (!text) kill(-pid, SIGKILL);
  const int exit_code = exit_code_of(pid);
  if (!text) return std::unexpected(text.error());
  return ChildOutput{exit_code, std::move(*text)};
}

}  // namespace rebalance
