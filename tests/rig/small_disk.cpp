#include "rig/small_disk.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <stdexcept>
#include <vector>

#include "rig/temp_folder.h"

namespace rig {
namespace fs = std::filesystem;

namespace {

constexpr const char* kBallast = "ballast";

}  // namespace

const std::string& small_disks_unavailable() {
  static const std::string reason = []() -> std::string {
    const TempFolder folder;
    try {
      const SmallDisk tried(folder.path(), 1 << 20);
      return "";
    } catch (const std::runtime_error& why) {
      return why.what();
    }
  }();
  return reason;
}

SmallDisk::SmallDisk(fs::path folder, int64_t bytes)
    : folder_(std::move(folder)),
      here_(fs::current_path()),
      outside_(open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC)) {
  if (outside_ < 0 || unshare(CLONE_NEWNS) != 0) {
    close(outside_);
    throw std::runtime_error("no mount namespace can be made here");
  }
  const std::string size = "size=" + std::to_string(bytes);
  // Private, so that what is mounted here stays here.
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
      mount("small-disk", folder_.c_str(), "tmpfs", 0, size.c_str()) == 0)
    return;
  leave();
  throw std::runtime_error("no file system can be mounted here");
}

SmallDisk::~SmallDisk() {
  umount2(folder_.c_str(), MNT_DETACH);
  leave();
}

// Going back leads to the root folder.
void SmallDisk::leave() {
  setns(outside_, CLONE_NEWNS);
  close(outside_);
  std::error_code ignored;
  fs::current_path(here_, ignored);
}

void SmallDisk::fill() {
  const int file = open((folder_ / kBallast).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) throw std::runtime_error("nothing can be written to " + folder_.string());
  const std::vector<char> block(4096);
  lseek(file, 0, SEEK_END);
  while (write(file, block.data(), block.size()) > 0) {
  }
  close(file);
}

void SmallDisk::empty() { fs::remove(folder_ / kBallast); }

}  // namespace rig
