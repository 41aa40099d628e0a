#include "rig/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <stdexcept>
#include <system_error>
#include <thread>

extern char** environ;

namespace rig {
namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// What the child needs, made before the fork: between fork and exec nothing may allocate.
struct Prepared {
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  std::vector<char*> argv;
  std::vector<char*> envp;
  std::string folder;
  std::string cgroup_procs;
};

void point(std::vector<std::string>& texts, std::vector<char*>& pointers) {
  for (auto& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
}

void prepare(Prepared& child, const std::vector<std::string>& arguments,
             const std::map<std::string, std::string>& environment) {
  child.arguments = arguments;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (!environment.contains(text.substr(0, text.find('=')))) child.environment.push_back(text);
  }
  for (const auto& [name, value] : environment) {
    std::string entry = name;
    entry.append("=").append(value);
    child.environment.push_back(std::move(entry));
  }
  point(child.arguments, child.argv);
  point(child.environment, child.envp);
}

void enter_cgroup(const std::string& procs) {
  if (procs.empty()) return;
  const int fd = open(procs.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, "0", 1) != 1) _exit(126);
  close(fd);
}

pid_t start(Prepared& child, int in, int out, int err) {
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) fail("fork");
  if (pid > 0) {
    setpgid(pid, pid);  // also here: whoever comes first
    return pid;
  }
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(126);
  enter_cgroup(child.cgroup_procs);
  if (!child.folder.empty() && chdir(child.folder.c_str()) != 0) _exit(126);
  if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) _exit(126);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execvpe(child.argv[0], child.argv.data(), child.envp.data());
  _exit(127);
}

int exit_code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

class Pipe {
 public:
  Pipe() {
    if (pipe2(ends_.data(), O_CLOEXEC) != 0) fail("pipe");
  }
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  int end(size_t which) const { return ends_[which]; }
  bool is_open(size_t which) const { return ends_[which] >= 0; }
  void close_end(size_t which) {
    if (ends_[which] >= 0) close(ends_[which]);
    ends_[which] = -1;
  }

 private:
  std::array<int, 2> ends_{-1, -1};
};

// Reads what is there; closes the pipe at its end.
void drain(Pipe& pipe, std::string& text) {
  std::array<char, 65536> buffer;
  const ssize_t count = read(pipe.end(0), buffer.data(), buffer.size());
  if (count > 0) text.append(buffer.data(), static_cast<size_t>(count));
  if (count == 0) pipe.close_end(0);
}

void feed(Pipe& pipe, const std::string& text, size_t& done) {
  const ssize_t count = done < text.size() ? write(pipe.end(1), text.data() + done, text.size() - done) : 0;
  if (count > 0) done += static_cast<size_t>(count);
  if (count < 0 || done >= text.size()) pipe.close_end(1);
}

// Moves input and output until the program closed both of its ends; false at the limit.
bool talk(Pipe& in, Pipe& out, Pipe& err, const std::string& input, Finished& result, Clock::time_point end) {
  size_t fed = 0;
  fcntl(in.end(1), F_SETFL, O_NONBLOCK);
  while (out.is_open(0) || err.is_open(0)) {
    const auto left = std::chrono::duration_cast<Milliseconds>(end - Clock::now()).count();
    if (left <= 0) return false;
    std::array<pollfd, 3> fds{{{out.end(0), POLLIN, 0}, {err.end(0), POLLIN, 0}, {in.end(1), POLLOUT, 0}}};
    poll(fds.data(), fds.size(), static_cast<int>(left));
    if (fds[0].revents != 0) drain(out, result.out);
    if (fds[1].revents != 0) drain(err, result.err);
    if (fds[2].revents != 0) feed(in, input, fed);
  }
  return true;
}

// A program that ended early must not end the test that still writes to it.
void ignore_broken_pipes() { [[maybe_unused]] static const auto before = std::signal(SIGPIPE, SIG_IGN); }

}  // namespace

Finished run(const std::vector<std::string>& arguments, const RunOptions& options) {
  ignore_broken_pipes();
  Prepared child;
  prepare(child, arguments, options.environment);
  child.folder = options.folder;
  Pipe in;
  Pipe out;
  Pipe err;
  const auto begin = Clock::now();
  const auto end = begin + options.limit;
  const pid_t pid = start(child, in.end(0), out.end(1), err.end(1));
  in.close_end(0);
  out.close_end(1);
  err.close_end(1);

  Finished result;
  result.timed_out = !talk(in, out, err, options.input, result, end);
  int status = 0;
  const bool ended =
      !result.timed_out && wait_until([&] { return waitpid(pid, &status, WNOHANG) == pid; },
                                      std::chrono::duration_cast<Milliseconds>(end - Clock::now()));
  if (!ended) {
    result.timed_out = true;
    kill(-pid, SIGKILL);
    waitpid(pid, &status, 0);
  }
  result.exit_code = exit_code_of(status);
  result.took = std::chrono::duration_cast<Milliseconds>(Clock::now() - begin);
  if (result.exit_code == 127 && result.err.empty() && result.out.empty())
    throw std::runtime_error("could not start " + arguments.front());
  return result;
}

Process::Process(const std::vector<std::string>& arguments, const ProcessOptions& options) {
  ignore_broken_pipes();
  Prepared child;
  prepare(child, arguments, options.environment);
  child.folder = options.folder;
  child.cgroup_procs = options.cgroup_procs;
  const std::string output = options.output.empty() ? "/dev/null" : options.output.string();
  const int out = open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (out < 0) fail("open " + output);
  const int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
  pid_ = start(child, in, out, out);
  close(in);
  close(out);
}

Process::~Process() { stop(); }

std::optional<int> Process::wait(Milliseconds limit) {
  wait_until(
      [this] {
        int status = 0;
        if (!exit_code_ && waitpid(pid_, &status, WNOHANG) == pid_) exit_code_ = exit_code_of(status);
        return exit_code_.has_value();
      },
      limit);
  return exit_code_;
}

bool Process::running() { return !wait(Milliseconds(0)); }

void Process::signal(int number) {
  if (running()) kill(pid_, number);
}

void Process::stop(Milliseconds grace) {
  if (!running()) return;
  kill(pid_, SIGTERM);
  kill(pid_, SIGCONT);  // one that a test stopped
  if (!wait(grace)) kill_hard();
}

void Process::kill_hard() {
  if (!running()) return;
  kill(-pid_, SIGKILL);
  int status = 0;
  if (waitpid(pid_, &status, 0) == pid_) exit_code_ = exit_code_of(status);
}

int64_t resident_bytes(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/statm");
  int64_t total = 0, resident = 0;
  in >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

void nap(Milliseconds time) { std::this_thread::sleep_for(time); }

}  // namespace rig
