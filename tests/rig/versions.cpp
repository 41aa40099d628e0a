#include "rig/versions.h"

#include <cstdio>
#include <cstdlib>
#include <ostream>
#include <sstream>
#include <stdexcept>
#include <tuple>

#include "rig/temp_folder.h"

namespace rig {
namespace {

namespace fs = std::filesystem;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool is_there(const std::string& name) { return fs::exists(cache_folder() / "servers" / name / "version"); }

}  // namespace

bool ServerVersion::at_least(int redis_major, int redis_minor) const {
  if (is_valkey()) return std::tie(redis_major, redis_minor) <= std::tuple(7, 2);
  return std::tie(major, minor) >= std::tie(redis_major, redis_minor);
}

bool ServerVersion::moves_atomically() const { return is_valkey() ? major >= 9 : at_least(8, 4); }

bool ServerVersion::copies_live() const { return name == "r62" || name == "r70" || name == "r80"; }

fs::path cache_folder() {
  const std::string set = environment("XDG_CACHE_HOME");
  return (set.empty() ? fs::path(environment("HOME")) / ".cache" : fs::path(set)) / "redis-rebalance";
}

ServerVersion version_named(const std::string& name) {
  if (!is_there(name))
    throw std::runtime_error("server version " + name + " is not in the cache: scripts/servers " + name +
                             " fetches it");
  const fs::path folder = cache_folder() / "servers" / name;
  ServerVersion version;
  version.name = name;
  version.server = folder / "redis-server";
  version.cli = folder / "redis-cli";
  // "Redis server v=7.0.15 sha=..." or "Valkey server v=8.1.1 ...".
  char product[16] = {};
  if (std::sscanf(read_file(folder / "version").c_str(), "%15s server v=%d.%d.%d", product, &version.major,
                  &version.minor, &version.patch) != 4)
    throw std::runtime_error("server version " + name + " does not say what it is");
  version.product = product;
  return version;
}

std::optional<ServerVersion> defragmenting_version() {
  return is_there("r82") ? std::optional(version_named("r82")) : std::nullopt;
}

std::vector<ServerVersion> installed_versions() {
  const std::string wanted = environment("RIG_SERVERS");
  std::istringstream names(wanted.empty() ? "r60 r62 r70 r80 r86 v81 v91" : wanted);
  std::vector<ServerVersion> versions;
  for (std::string name; names >> name;)
    if (is_there(name)) versions.push_back(version_named(name));
  if (versions.empty()) throw std::runtime_error("no server version is in the cache: run scripts/servers");
  return versions;
}

void PrintTo(const ServerVersion& version, std::ostream* out) {
  *out << version.product << ' ' << version.major << '.' << version.minor << '.' << version.patch;
}

}  // namespace rig
