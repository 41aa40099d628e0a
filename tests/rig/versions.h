// The server versions that scripts/servers fetched.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace rig {

struct ServerVersion {
  std::string name;     // r60 r62 r70 r80 r82 r86 v81 v91
  std::string product;  // "Redis" or "Valkey"
  int major = 0;
  int minor = 0;
  int patch = 0;
  std::filesystem::path server;  // to run
  std::filesystem::path cli;

  bool is_valkey() const { return product == "Valkey"; }
  // Of its own product; Valkey went on from Redis 7.2, so it is at least any Redis up to that.
  bool at_least(int redis_major, int redis_minor) const;
  bool moves_atomically() const;
  bool copies_live() const;  // what plan/engine_choice.cpp names as proven
};

// All that are there but r82, oldest first, or those that RIG_SERVERS names ("r70 r86"). Never empty: throws
// instead.
std::vector<ServerVersion> installed_versions();
ServerVersion version_named(const std::string& name);
// Redis 8.2 with the jemalloc of its own sources, where it could be had: the only one that can defragment
// itself.
std::optional<ServerVersion> defragmenting_version();

// For INSTANTIATE_TEST_SUITE_P, together with testing::ValuesIn(installed_versions()).
template <typename ParamInfo>
std::string version_name(const ParamInfo& info) {
  return info.param.name;
}
void PrintTo(const ServerVersion& version, std::ostream* out);

// ${XDG_CACHE_HOME:-$HOME/.cache}/redis-rebalance
std::filesystem::path cache_folder();

}  // namespace rig
