// The API server of a kubeconfig, and the RedisRebalances there as JSON: for the commands that a person
// types beside an operator.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "cli/options.h"
#include "kube/api_client.h"

namespace rebalance {

struct Place {
  std::unique_ptr<ApiClient> client;
  std::string name_space;  // the one that is meant; empty: all
};
Result<Place> place_of(const Options& options);

Result<nlohmann::json> read_json(const std::string& text);  // kUnavailable: it is none
// `name`: of the RedisRebalance that is asked for, if one is; that it is not there is kRefused, by its name.
Result<nlohmann::json> call_json(const Place& place, const HttpRequest& request, const std::string& name);
Result<nlohmann::json> read_rebalance(const Place& place, const std::string& name);

}  // namespace rebalance
