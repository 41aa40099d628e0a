// Who owns which slots, as JSON text: what a cluster was like before a rebalance.
#pragma once

#include <string>

#include "base/result.h"
#include "model/initial_layout.h"

namespace rebalance {

std::string encode_layout(const InitialLayout& layout);
// kInvalidInput when the text is none of these.
Result<InitialLayout> decode_layout(const std::string& text);

}  // namespace rebalance
