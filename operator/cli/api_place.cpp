#include "cli/api_place.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "control/rebalance_object.h"
#include "kube/cluster_config.h"
#include "kube/http_transport.h"

namespace rebalance {

using nlohmann::json;

Result<Place> place_of(const Options& options) {
  TRY(config, find_cluster_config(options.kubeconfig, options.context, process_environment()));
  const std::shared_ptr<Transport> transport = make_http_transport(config);
  auto name_space = options.name_space.empty() ? config.name_space : options.name_space;
  if (options.all_name_spaces) name_space.clear();
  Place place;
  place.client = std::make_unique<ApiClient>(transport, transport);
  place.name_space = std::move(name_space);
  return place;
}

Result<json> read_json(const std::string& text) {
  auto value = json::parse(text, nullptr, false);
  if (value.is_discarded()) return error(ErrorCode::kUnavailable, "the API server's answer is no JSON");
  return value;
}

Result<json> call_json(const Place& place, const HttpRequest& request, const std::string& name) {
  const auto answer = place.client->call(request, {});
  if (answer) return read_json(*answer);
  if (answer.error().not_found() && !name.empty()) {
    return error(ErrorCode::kRefused,
                 fmt::format("there is no RedisRebalance {} in the namespace {}", name, place.name_space));
  }
  return std::unexpected(answer.error().as_error());
}

Result<json> read_rebalance(const Place& place, const std::string& name) {
  return call_json(place, {.path = api_path(rebalance_resource(), place.name_space, name)}, name);
}

}  // namespace rebalance
