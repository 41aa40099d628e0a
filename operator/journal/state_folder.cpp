#include "journal/state_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace rebalance {
namespace {

constexpr const char* kLockName = "lock";

std::unexpected<Error> failed(const std::string& what, const std::string& where) {
  return error(ErrorCode::kInvalidInput, fmt::format("{} {}: {}", what, where, std::strerror(errno)));
}

Status check_name(std::string_view name) { return check_document_name(name, "the state folder", kLockName); }

Status write_all(int file, std::string_view text, const std::string& where) {
  while (!text.empty()) {
    const auto written = write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed("cannot write", where);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

std::string holder(int lock) {
  char text[32] = {};
  const auto size = pread(lock, text, sizeof text - 1, 0);
  return size > 0 ? "process " + std::string(text, text + std::strcspn(text, "\n")) : "another process";
}

Status take_lock(int lock, const std::string& path) {
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return failed("cannot lock the state folder", path);
    return error(
        ErrorCode::kConflict,
        fmt::format(
            "the state folder {} is in use by {}: wait until it ends, or name another folder with --state",
            path, holder(lock)));
  }
  const auto pid = fmt::format("{}\n", getpid());
  if (ftruncate(lock, 0) != 0) return failed("cannot write to the state folder", path);
  return write_all(lock, pid, path);
}

Result<std::string> read_all(int file, const std::string& where) {
  std::string text;
  char part[16384];
  while (true) {
    // A small file of this machine, and the lock is there for it.
    const auto size = read(file, part, sizeof part);  // NOLINT(clang-analyzer-unix.BlockInCriticalSection)
    if (size == 0) return text;
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return failed("cannot read", where);
    text.append(part, static_cast<std::size_t>(size));
  }
}

}  // namespace

Result<std::unique_ptr<StateFolder>> StateFolder::open(const std::string& path) {
  std::error_code failure;
  const auto parent = std::filesystem::absolute(path).parent_path();
  std::filesystem::create_directories(parent, failure);
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return failed("cannot create the state folder", path);
  Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return failed("cannot use the state folder", path);
  Descriptor lock(openat(folder.number(), kLockName, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return failed("cannot write to the state folder", path);
  TRY_OK(take_lock(lock.number(), path));
  return std::unique_ptr<StateFolder>(new StateFolder(path, std::move(folder), std::move(lock)));
}

Status StateFolder::put(std::string_view name, std::string_view text) {
  TRY_OK(check_name(name));
  const std::scoped_lock guard(mutex_);
  const std::string final_name(name), fresh_name = "." + final_name + ".new",
                                      where = path_ + "/" + final_name;
  Descriptor file(
      openat(folder_.number(), fresh_name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) return failed("cannot write", where);
  TRY_OK(write_all(file.number(), text, where));
  if (fsync(file.number()) != 0) return failed("cannot write", where);
  if (renameat(folder_.number(), fresh_name.c_str(), folder_.number(), final_name.c_str()) != 0)
    return failed("cannot write", where);
  if (fsync(folder_.number()) != 0) return failed("cannot write", where);
  return {};
}

Result<std::optional<std::string>> StateFolder::get(std::string_view name) {
  TRY_OK(check_name(name));
  const std::scoped_lock guard(mutex_);
  const std::string where = path_ + "/" + std::string(name);
  Descriptor file(openat(folder_.number(), std::string(name).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file && errno == ENOENT) return std::optional<std::string>();
  if (!file) return failed("cannot read", where);
  TRY(text, read_all(file.number(), where));
  return std::optional(std::move(text));
}

Status StateFolder::remove(std::string_view name) {
  TRY_OK(check_name(name));
  const std::scoped_lock guard(mutex_);
  if (unlinkat(folder_.number(), std::string(name).c_str(), 0) != 0 && errno != ENOENT) {
    return failed("cannot remove", path_ + "/" + std::string(name));
  }
  if (fsync(folder_.number()) != 0) return failed("cannot write", path_);
  return {};
}

}  // namespace rebalance
