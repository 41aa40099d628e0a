// What a server answers (RESP2), as a plain value. Text may hold any byte.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rebalance {

struct Reply {
  enum class Type { kNil, kString, kStatus, kError, kInteger, kArray };
  Type type = Type::kNil;
  std::string text;          // of a string, a status ("OK") or an error ("NOPERM this user ...")
  std::int64_t integer = 0;  // of an integer
  std::vector<Reply> items;  // of an array

  bool is_nil() const { return type == Type::kNil; }
  bool is_error() const { return type == Type::kError; }
  bool is_integer() const { return type == Type::kInteger; }
  bool is_array() const { return type == Type::kArray; }
  bool is_text() const { return type == Type::kString || type == Type::kStatus; }
  bool is_ok() const { return type == Type::kStatus && text == "OK"; }
  // An error whose first word is `code`: "NOAUTH", "OOM", "ERR".
  bool is_error(std::string_view code) const {
    return is_error() && text.starts_with(code) && (text.size() == code.size() || text[code.size()] == ' ');
  }

  static Reply nil() { return {}; }
  static Reply string(std::string text) { return {Type::kString, std::move(text), 0, {}}; }
  static Reply status(std::string text) { return {Type::kStatus, std::move(text), 0, {}}; }
  static Reply error(std::string text) { return {Type::kError, std::move(text), 0, {}}; }
  static Reply number(std::int64_t value) { return {Type::kInteger, {}, value, {}}; }
  static Reply array(std::vector<Reply> items) { return {Type::kArray, {}, 0, std::move(items)}; }

  bool operator==(const Reply&) const = default;
};

inline const Reply* first_error(std::span<const Reply> replies) {  // nullptr: there is none
  const auto found = std::ranges::find_if(replies, [](const Reply& reply) { return reply.is_error(); });
  return found == replies.end() ? nullptr : &*found;
}

}  // namespace rebalance
