// Finds parts of a JSON text without building a tree of it: a list of 500 pods is 5 MB of text and would be
// 50 MB as a tree, and we keep a few fields of each. Only the structure is looked at; whoever decodes a part
// checks it whole. No recursion, so no text is too deep.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace rebalance {

// Calls `member` with the name and the text of the value of each, until it says false; false: `object` is no
// object, or broken before that.
bool json_members(std::string_view object,
                  const std::function<bool(std::string_view name, std::string_view value)>& member);

// The text of the member's value; nullopt: no such member, or `object` is no object or broken before it.
std::optional<std::string_view> json_member(std::string_view object, std::string_view key);

// Calls `element` with the text of each; false: `array` is no array, or broken.
bool json_elements(std::string_view array, const std::function<void(std::string_view)>& element);

// The string that this value is, decoded; empty when it is none.
std::string json_string(std::optional<std::string_view> value);

}  // namespace rebalance
