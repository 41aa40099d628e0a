// A memory limit as the kernel enforces it for a container: a control group of its own, version 1 or 2.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace rig {

// Empty when memory control groups can be made here, else the reason why not.
const std::string& cgroups_unavailable();

struct MemoryUsage {  // bytes
  int64_t limit = 0;
  int64_t current = 0;    // all of it, page cache included
  int64_t anonymous = 0;  // without page cache: what cannot be taken back
  int64_t peak = 0;       // of current; 0 where the kernel does not tell (version 2 before Linux 5.19)
  int64_t oom_kills = 0;
};

// Of a group by its folder; all 0 for a folder that is none.
MemoryUsage read_usage(const std::filesystem::path& folder);

// Throws where none can be made: ask cgroups_unavailable() first.
class MemoryCgroup {
 public:
  explicit MemoryCgroup(int64_t limit_bytes);
  ~MemoryCgroup();  // its processes must have ended
  MemoryCgroup(const MemoryCgroup&) = delete;
  MemoryCgroup& operator=(const MemoryCgroup&) = delete;

  std::filesystem::path procs() const { return folder_ / "cgroup.procs"; }
  const std::filesystem::path& folder() const { return folder_; }

  void set_limit(int64_t bytes);
  MemoryUsage usage() const { return read_usage(folder_); }

 private:
  bool v2_;
  std::filesystem::path folder_;
};

}  // namespace rig
