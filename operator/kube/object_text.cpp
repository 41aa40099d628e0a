#include "kube/object_text.h"

#include <fmt/format.h>

#include "codec/json_slice.h"
#include "kube/api_error.h"

namespace rebalance {
namespace {

Result<ObjectText> parse_object(std::string_view text) {
  const auto metadata = json_member(text, "metadata");
  if (!metadata) return invalid_input("an object without metadata");
  ObjectText object{.name_space = json_string(json_member(*metadata, "namespace")),
                    .name = json_string(json_member(*metadata, "name")),
                    .uid = json_string(json_member(*metadata, "uid")),
                    .resource_version = json_string(json_member(*metadata, "resourceVersion")),
                    .json = text};
  return object;
}

Result<WatchEvent::Type> parse_type(const std::string& text) {
  using enum WatchEvent::Type;
  if (text == "ADDED") return kAdded;
  if (text == "MODIFIED") return kModified;
  if (text == "DELETED") return kDeleted;
  if (text == "BOOKMARK") return kBookmark;
  if (text == "ERROR") return kError;
  return invalid_input(fmt::format("a watch event of the unknown type \"{}\"", text.substr(0, 40)));
}

}  // namespace

std::string metadata_of(std::string_view object, std::string_view member) {
  const auto metadata = json_member(object, "metadata");
  return metadata ? json_string(json_member(*metadata, member)) : std::string();
}

Result<ListPage> parse_list(std::string_view body) {
  const auto metadata = json_member(body, "metadata");
  const auto items = json_member(body, "items");
  if (!metadata || !items) return invalid_input("the answer is no list: it has no metadata or no items");
  ListPage page{.resource_version = json_string(json_member(*metadata, "resourceVersion")),
                .continue_token = json_string(json_member(*metadata, "continue"))};
  if (*items == "null") return page;  // how Go writes a list that was never filled
  bool named = true;
  const bool whole = json_elements(*items, [&](std::string_view item) {
    auto object = parse_object(item);
    named = named && object && !object->name.empty();
    if (named) page.items.push_back(std::move(*object));
  });
  if (!whole) return invalid_input("the answer is no list: its items do not end");
  if (!named) return invalid_input("the answer is no list of objects: one has no name");
  return page;
}

Result<WatchEvent> parse_watch_event(std::string_view line) {
  const auto content = json_member(line, "object");
  if (!content) return invalid_input("a line of a watch that is no event");
  TRY(type, parse_type(json_string(json_member(line, "type"))));
  WatchEvent event{.type = type};
  if (type == WatchEvent::Type::kError) {
    event.error = watch_error(*content);  // its HTTP answer was 200: only this says what happened
    return event;
  }
  TRY(object, parse_object(*content));
  if (object.name.empty() && type != WatchEvent::Type::kBookmark)
    return invalid_input("a watch event of an object without a name");
  event.object = std::move(object);
  return event;
}

}  // namespace rebalance
