// The schema of a RedisRebalance, taken from the CustomResourceDefinition that the build embeds, and what the
// API server does with it: unknown fields, defaults, types and bounds. Internal to codec/.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "api/rules.h"
#include "codec/yaml.h"

namespace rebalance {

// openAPIV3Schema of version v1alpha1. Read once; thread-safe.
const nlohmann::json& rebalance_schema();

// Nulls are left out, as the API server prunes them.
nlohmann::json json_of(const YamlNode& node);

// Every field of `node` that the schema does not have: "unknown field; did you mean headroom?"
std::vector<Violation> unknown_fields(const YamlNode& node, const nlohmann::json& schema);

// Puts the schema's defaults where nothing stands, from the outside in.
void apply_defaults(nlohmann::json& value, const nlohmann::json& schema);

// The first place where the value is not what the schema says; list-type map and set are seen to, too.
std::optional<Violation> first_mismatch(const nlohmann::json& value, const nlohmann::json& schema);

// Every path below `node`: "spec", "spec.cluster", "spec.windows[0]" ...
SetPaths paths_of(const YamlNode& node);

// The line of the value at `path`, or of the nearest thing around it that the text holds.
int line_of(const YamlNode& node, const std::string& path);

}  // namespace rebalance
