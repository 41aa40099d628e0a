#include "rig/cgroup.h"

#include <unistd.h>

#include <atomic>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "rig/process.h"
#include "rig/temp_folder.h"

namespace rig {
namespace {

namespace fs = std::filesystem;

struct Parent {
  bool v2 = false;
  fs::path folder;
};

// proc(5), mountinfo: "36 35 98:0 /root /mount/point options ... - type source super-options".
struct Mount {
  std::string point;
  std::string type;
  std::string super_options;
};

std::vector<Mount> cgroup_mounts() {
  std::vector<Mount> mounts;
  std::ifstream in("/proc/self/mountinfo");
  for (std::string line; std::getline(in, line);) {
    std::istringstream left(line);
    std::string skip;
    Mount mount;
    left >> skip >> skip >> skip >> skip >> mount.point;
    const auto dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::istringstream right(line.substr(dash + 3));
    right >> mount.type >> skip >> mount.super_options;
    if (mount.type == "cgroup" || mount.type == "cgroup2") mounts.push_back(mount);
  }
  return mounts;
}

bool names_word(const std::string& list, const std::string& word, char separator) {
  std::istringstream in(list);
  for (std::string entry; std::getline(in, entry, separator);)
    if (entry == word) return true;
  return false;
}

// /proc/self/cgroup: "4:memory:/path" in version 1, "0::/path" in version 2.
std::string own_path(bool v2) {
  std::ifstream in("/proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    const auto controllers = line.substr(first + 1, second - first - 1);
    if (v2 ? controllers.empty() : names_word(controllers, "memory", ',')) return line.substr(second + 1);
  }
  return "/";
}

bool write_quietly(const fs::path& file, const std::string& text) {
  std::ofstream out(file);
  out << text;
  return static_cast<bool>(out.flush());
}

// A child with a limit file can be made here. On version 2 the parent must hand the controller down, which
// the kernel refuses while it holds processes itself (unless it is the root).
bool can_make_children(const Parent& parent) {
  const fs::path probe = parent.folder / ("rig-probe-" + std::to_string(getpid()));
  std::error_code problem;
  if (!fs::create_directory(probe, problem)) return false;
  const fs::path limit = probe / (parent.v2 ? "memory.max" : "memory.limit_in_bytes");
  if (parent.v2 && !fs::exists(limit)) write_quietly(parent.folder / "cgroup.subtree_control", "+memory");
  const bool works = fs::exists(limit) && write_quietly(limit, std::to_string(64 << 20));
  rmdir(probe.c_str());
  return works;
}

std::optional<Parent> find_parent() {
  for (const Mount& mount : cgroup_mounts()) {
    const bool v2 = mount.type == "cgroup2";
    const bool has_memory = v2 ? read_file(fs::path(mount.point) / "cgroup.controllers").contains("memory")
                               : names_word(mount.super_options, "memory", ',');
    if (!has_memory) continue;
    const fs::path own = mount.point + own_path(v2);
    for (const fs::path& folder : {own, own.parent_path(), fs::path(mount.point)}) {
      const Parent parent{v2, folder};
      if (folder.string().starts_with(mount.point) && can_make_children(parent)) return parent;
    }
  }
  return std::nullopt;
}

const std::optional<Parent>& parent() {
  static const std::optional<Parent> found = find_parent();
  return found;
}

int64_t number_in(const fs::path& file) {
  std::ifstream in(file);
  int64_t value = 0;
  in >> value;
  return value;
}

// "name value" lines.
int64_t field_in(const fs::path& file, const std::string& name) {
  std::ifstream in(file);
  std::string key;
  for (int64_t value = 0; in >> key >> value;)
    if (key == name) return value;
  return 0;
}

}  // namespace

const std::string& cgroups_unavailable() {
  static const std::string reason =
      parent() ? "" : "no memory control group can be made here (it needs root, or a delegated group)";
  return reason;
}

MemoryCgroup::MemoryCgroup(int64_t limit_bytes) {
  if (!parent()) throw std::runtime_error(cgroups_unavailable());
  static std::atomic<int> count{0};
  v2_ = parent()->v2;
  folder_ = parent()->folder / ("rig-" + std::to_string(getpid()) + "-" + std::to_string(++count));
  fs::create_directory(folder_);
  set_limit(limit_bytes);
}

MemoryCgroup::~MemoryCgroup() {
  // The kernel needs a moment to forget the last process.
  wait_until([this] { return rmdir(folder_.c_str()) == 0; }, Milliseconds(2000));
}

void MemoryCgroup::set_limit(int64_t bytes) {
  const fs::path file = folder_ / (v2_ ? "memory.max" : "memory.limit_in_bytes");
  if (!write_quietly(file, std::to_string(bytes))) throw std::runtime_error("could not set " + file.string());
}

MemoryUsage read_usage(const fs::path& folder) {
  if (fs::exists(folder / "memory.max"))
    return {number_in(folder / "memory.max"), number_in(folder / "memory.current"),
            field_in(folder / "memory.stat", "anon"), number_in(folder / "memory.peak"),
            field_in(folder / "memory.events", "oom_kill")};
  return {number_in(folder / "memory.limit_in_bytes"), number_in(folder / "memory.usage_in_bytes"),
          field_in(folder / "memory.stat", "rss"), number_in(folder / "memory.max_usage_in_bytes"),
          field_in(folder / "memory.oom_control", "oom_kill")};
}

}  // namespace rig
