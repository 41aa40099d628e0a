#include "codec/defrag_codec.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace rebalance {

std::string encode_defrag(const std::vector<DefragNote>& notes) {
  nlohmann::json servers = nlohmann::json::array();
  for (const auto& note : notes) servers.push_back({{"pod", note.pod}, {"runID", note.run_id}});
  return nlohmann::json{{"activeDefragWasOff", std::move(servers)}}.dump(1) + "\n";
}

Result<std::vector<DefragNote>> decode_defrag(const std::string& text) {
  try {
    std::vector<DefragNote> notes;
    const auto in = nlohmann::json::parse(text);
    for (const auto& server : in.at("activeDefragWasOff"))
      notes.push_back({server.at("pod").get<std::string>(), server.at("runID").get<std::string>()});
    return notes;
  } catch (const nlohmann::json::exception& problem) {
    return invalid_input(
        fmt::format("the note of active defragmentation cannot be read: {}", problem.what()));
  }
}

}  // namespace rebalance
