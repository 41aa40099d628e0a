// A disk of the test's own that can be filled up: nothing outside sees it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace rig {

// Empty when a file system can be mounted here, else the reason why not.
const std::string& small_disks_unavailable();

// From here on the calling thread, the processes and the threads that it starts see a small empty disk at
// `folder`, until this ends; they must have ended by then. However the test ends, the disk is gone with them:
// the mount is in a namespace of theirs. Throws where there can be none: ask small_disks_unavailable() first.
class SmallDisk {
 public:
  SmallDisk(std::filesystem::path folder, int64_t bytes);
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  void fill();   // to the last block
  void empty();  // of what filled it

 private:
  void leave();

  std::filesystem::path folder_, here_;  // of the disk, where the thread was
  int outside_;                          // the namespace to go back to
};

}  // namespace rig
