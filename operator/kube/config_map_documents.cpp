#include "kube/config_map_documents.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

namespace rebalance {
namespace {

using nlohmann::json;

const ApiResource kConfigMaps{"", "v1", "configmaps"};
constexpr int kTries = 5;

Status check_name(std::string_view name) { return check_document_name(name, "a ConfigMap"); }

Status check_size(const std::string& config_map, const std::map<std::string, std::string>& data,
                  std::string_view largest) {
  std::size_t bytes = 0;
  for (const auto& [name, text] : data) bytes += name.size() + text.size();
  if (bytes <= ConfigMapDocuments::kMostBytes) return {};
  return invalid_input(fmt::format(
      "the ConfigMap {} would hold {} bytes with \"{}\", and the API server takes at most {}: make the plan "
      "smaller, with larger batches or in two steps",
      config_map, bytes, largest, ConfigMapDocuments::kMostBytes));
}

Status check_owner(const json& metadata, const ObjectRef& owner, const std::string& name) {
  const auto owners = metadata.value("ownerReferences", json::array());
  for (const auto& reference : owners)
    if (reference.at("uid") == owner.uid) return {};
  return error(ErrorCode::kConflict,
               fmt::format("the ConfigMap {}/{} belongs to {}", owner.name_space, name,
                           owners.empty()
                               ? "somebody else: delete it, or give the RedisRebalance another name"
                               : "an earlier object of that name, and goes when Kubernetes has collected it: "
                                 "wait, or delete it"));
}

// JSON can carry nothing else.
Status check_text(std::string_view name, std::string_view text) {
  try {
    json(text).dump();
    return {};
  } catch (const json::exception&) {
    return error(ErrorCode::kInternal, fmt::format("the document \"{}\" is not UTF-8", name));
  }
}

}  // namespace

ConfigMapDocuments::ConfigMapDocuments(ApiClient& client, ObjectRef owner, std::string name)
    : client_(client),
      owner_(std::move(owner)),
      name_(std::move(name)),
      path_("ConfigMap " + owner_.name_space + "/" + name_) {}

// Takes over what the server says it holds, if it is ours.
Status ConfigMapDocuments::adopt(const std::string& object) {
  try {
    auto map = json::parse(object);
    auto& metadata = map.at("metadata");
    TRY_OK(check_owner(metadata, owner_, name_));
    metadata.erase("managedFields");
    known_ = Known{metadata.dump(), {}};
    if (map.contains("data")) known_->data = map["data"].get<Data>();
    return {};
  } catch (const json::exception& problem) {
    return error(ErrorCode::kInternal,
                 fmt::format("the ConfigMap {} cannot be read: {}", name_, problem.what()));
  }
}

Status ConfigMapDocuments::load() {
  known_.reset();
  const auto answer = client_.call({.path = api_path(kConfigMaps, owner_.name_space, name_)}, {});
  if (answer) return adopt(*answer);
  if (!answer.error().not_found()) return std::unexpected(answer.error().as_error());
  known_ = Known{};
  return {};
}

std::string ConfigMapDocuments::object_text(const Data& data) const {
  json map{{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"data", data}};
  if (!known_->metadata.empty()) {
    map["metadata"] = json::parse(known_->metadata);
    return map.dump();
  }
  const json owner{{"apiVersion", owner_.api_version},
                   {"kind", owner_.kind},
                   {"name", owner_.name},
                   {"uid", owner_.uid},
                   {"controller", true}};
  map["metadata"] = {{"namespace", owner_.name_space},
                     {"name", name_},
                     {"labels", {{"app.kubernetes.io/managed-by", "redis-rebalance"}}},
                     {"ownerReferences", json::array({owner})}};
  return map.dump();
}

ApiResult<std::string> ConfigMapDocuments::write(const Data& wanted) {
  const bool fresh = known_->metadata.empty();
  return client_.call({.method = fresh ? "POST" : "PUT",
                       .path = api_path(kConfigMaps, owner_.name_space, fresh ? "" : name_),
                       .body = object_text(wanted),
                       .content_type = "application/json"},
                      {});
}

// A conflict may be our own write whose answer was lost, or somebody's change of a label: only other
// documents than those that we know are another writer's.
Status ConfigMapDocuments::change(const Data& wanted) {
  for (int tries = 0; tries < kTries; ++tries) {
    const bool fresh = known_->metadata.empty();
    const auto answer = write(wanted);
    if (answer) return adopt(*answer);
    const auto& problem = answer.error();
    const auto before = std::exchange(known_, std::nullopt)->data;
    if (!problem.conflict() && !problem.exists() && (fresh || !problem.not_found()))
      return std::unexpected(problem.as_error());
    TRY_OK(load());
    if (known_->data == wanted && !known_->metadata.empty()) return {};
    if (known_->data != before)
      return error(ErrorCode::kConflict,
                   fmt::format("somebody else wrote to the ConfigMap {}/{}: look again at what it holds",
                               owner_.name_space, name_));
  }
  return error(ErrorCode::kConflict, fmt::format("the ConfigMap {}/{} is changed by others all the time",
                                                 owner_.name_space, name_));
}

Status ConfigMapDocuments::put(std::string_view name, std::string_view text) {
  TRY_OK(check_name(name));
  TRY_OK(check_text(name, text));
  const std::scoped_lock lock(mutex_);
  if (!known_) TRY_OK(load());
  auto wanted = known_->data;
  wanted[std::string(name)] = text;
  TRY_OK(check_size(name_, wanted, name));
  return change(wanted);
}

Result<std::optional<std::string>> ConfigMapDocuments::get(std::string_view name) {
  TRY_OK(check_name(name));
  const std::scoped_lock lock(mutex_);
  TRY_OK(load());
  const auto found = known_->data.find(std::string(name));
  if (found == known_->data.end()) return std::optional<std::string>();
  return std::optional(found->second);
}

Status ConfigMapDocuments::remove(std::string_view name) {
  TRY_OK(check_name(name));
  const std::scoped_lock lock(mutex_);
  if (!known_) TRY_OK(load());
  auto wanted = known_->data;
  if (wanted.erase(std::string(name)) == 0) return {};
  return change(wanted);
}

}  // namespace rebalance
