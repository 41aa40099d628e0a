// Who applied which field of one object: server-side apply, as far as a controller's status and leases need
// it.
//
// A list whose items all have `type`, `uid` or `name` is a map by that key, any other list is one value: what
// x-kubernetes-list-type says in a schema is guessed here.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace rig {

class FieldOwners {
 public:
  struct Conflict {
    std::string field, manager;
  };
  // Merges what `manager` applies into `live`. Fields that only it owned and that it leaves out are removed.
  // What others own with another value is a conflict; `force` takes it over.
  std::vector<Conflict> apply(nlohmann::json& live, const nlohmann::json& body, const std::string& manager,
                              bool force);

 private:
  std::map<std::string, std::set<std::string>> fields_;  // by manager
};

}  // namespace rig
