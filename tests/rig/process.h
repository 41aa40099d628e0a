// Child processes that cannot outlive the test: a process group of their own, killed with their parent,
// reaped.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace rig {

using Milliseconds = std::chrono::milliseconds;

struct Finished {
  int exit_code = -1;  // 128 + signal for one that was killed
  std::string out;
  std::string err;
  bool timed_out = false;  // it was killed at the limit
  Milliseconds took{0};
};

struct RunOptions {
  Milliseconds limit{60'000};
  std::string input;
  std::map<std::string, std::string> environment;  // added to the present one
  std::filesystem::path folder;                    // to run in; empty: the present one
};

// Runs a program to its end. Throws when it cannot be started.
Finished run(const std::vector<std::string>& arguments, const RunOptions& options = {});

struct ProcessOptions {
  std::filesystem::path output;        // standard output and error go here; empty: to /dev/null
  std::filesystem::path cgroup_procs;  // the child enters this control group before it becomes the program
  std::map<std::string, std::string> environment;
  std::filesystem::path folder;
};

// A program in the background. The kernel kills it when the thread that started it ends, so start it from one
// that lives as long as the test. Not thread-safe.
class Process {
 public:
  explicit Process(const std::vector<std::string>& arguments, const ProcessOptions& options = {});
  ~Process();  // stop()
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  bool running();
  void signal(int number);                      // to the process alone
  std::optional<int> wait(Milliseconds limit);  // the exit code as in Finished; nothing when it still runs
  void stop(Milliseconds grace = Milliseconds(5000));  // TERM, then KILL to the group
  void kill_hard();                                    // KILL to the group, at once

 private:
  pid_t pid_ = -1;
  std::optional<int> exit_code_;
};

int64_t resident_bytes(pid_t pid);  // 0: there is no such process

// Asks each 10 ms until `condition` holds; false when the limit passed first.
template <typename Condition>
bool wait_until(Condition condition, Milliseconds limit);

void nap(Milliseconds time);  // for wait_until and pacing; never a test's way to synchronise

template <typename Condition>
bool wait_until(Condition condition, Milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    nap(Milliseconds(10));
  }
  return true;
}

}  // namespace rig
