// A RedisRebalance out of YAML: checked with the schema in crds/, with the rules of api/rules.h, and decoded
// with defaults.
#pragma once

#include <string>
#include <vector>

#include "api/rules.h"
#include "api/spec.h"
#include "codec/yaml.h"

namespace rebalance {

bool is_rebalance(const YamlNode& node);  // by kind, whatever its apiVersion

// kInvalidInput lists what is wrong, one line each: "spec.headrom (rebalance.yaml:12): unknown field; did you
// mean headroom?".
Result<RedisRebalance> decode_rebalance(const YamlNode& node, const std::string& source);

// Compiles the schema, which the first decode_rebalance() does else: 5 ms that need not be waited for.
void prepare_schema();

// The spec that an empty file would mean, by the schema alone; for the test that compares it with api/spec.h.
RebalanceSpec schema_defaults();

}  // namespace rebalance
