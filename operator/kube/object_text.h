// One object as the API server sent it: what every object has in its metadata, and its whole text, which only
// a decoder of its type understands.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kube/api_client.h"

namespace rebalance {

struct ObjectText {
  std::string name_space, name, uid, resource_version;
  std::string_view json;  // valid as long as what it was read from

  // "NAMESPACE/NAME"; without the namespace for what has none.
  std::string key() const { return name_space.empty() ? name : name_space + "/" + name; }
};

struct ListPage {
  std::string resource_version;
  std::string continue_token;  // empty: the last page
  std::vector<ObjectText> items;
};

struct WatchEvent {
  enum class Type { kAdded, kModified, kDeleted, kBookmark, kError };
  Type type = Type::kError;
  ObjectText object;  // not of kError; of kBookmark only the resource version
  ApiError error;     // of kError
};

// A string of an object's metadata, "" when it is not there.
std::string metadata_of(std::string_view object, std::string_view member);

// kInvalidInput: not what an API server sends.
Result<ListPage> parse_list(std::string_view body);
Result<WatchEvent> parse_watch_event(std::string_view line);

}  // namespace rebalance
