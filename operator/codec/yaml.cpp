#include "codec/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <sstream>

namespace rebalance {
namespace {

constexpr std::size_t kMostBytes = std::size_t{64} << 20;
constexpr std::size_t kMostLevels = 64;
constexpr std::size_t kMostNodes = 2'000'000;
constexpr std::size_t kMostAliased = 100'000;

// Thrown inside this file only: yaml-cpp's parser has no other way to be stopped by its listener.
struct Refusal {
  int line;
  std::string message;
};

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, text) != words.end();
}

// Base prefixes as Go's ParseInt(text, 0, 64) has them: a leading 0 is octal.
bool read_integer(std::string_view text, std::int64_t& value) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0o") || text.starts_with("0b")) {
    base = text[1] == 'x' ? 16 : text[1] == 'o' ? 8 : 2;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text.starts_with('0')) {
    base = text.find_first_of("89") == std::string_view::npos ? 8 : 10;
  }
  if (text.empty() || !std::isalnum(static_cast<unsigned char>(text.front()))) return false;
  const auto [end, failure] = std::from_chars(text.begin(), text.end(), value, base);
  if (negative) value = -value;
  return failure == std::errc{} && end == text.end();
}

bool looks_like_a_float(std::string_view text) {
  if (text.find_first_of("0123456789") == std::string_view::npos) return false;
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  if (text.empty()) return false;
  if (text.front() != '.' && std::isdigit(static_cast<unsigned char>(text.front())) == 0) return false;
  double value = 0;
  const auto [end, failure] = std::from_chars(text.begin(), text.end(), value);
  return failure != std::errc::invalid_argument && end == text.end();
}

// How many bytes the sequence that starts with `first` has; 0 where none starts.
std::size_t utf8_length(unsigned char first) {
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4) return 0;
  return first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

// RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF.
bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto length = utf8_length(byte(0));
    if (length == 0 || length > text.size()) return false;
    for (std::size_t i = 1; i < length; ++i) {
      if ((byte(i) & 0xC0) != 0x80) return false;
    }
    if ((byte(0) == 0xE0 && byte(1) < 0xA0) || (byte(0) == 0xED && byte(1) >= 0xA0)) return false;
    if ((byte(0) == 0xF0 && byte(1) < 0x90) || (byte(0) == 0xF4 && byte(1) >= 0x90)) return false;
    text.remove_prefix(length);
  }
  return true;
}

void resolve_plain(YamlNode& node) {
  using Kind = YamlNode::Kind;
  if (is_one_of(node.text, {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y"})) {
    node.kind = Kind::kBoolean;
    node.integer = 1;
  } else if (is_one_of(node.text,
                       {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "N"})) {
    node.kind = Kind::kBoolean;
  } else if (read_integer(node.text, node.integer)) {
    node.kind = Kind::kInteger;
  } else if (looks_like_a_float(node.text)) {
    node.kind = Kind::kFloat;
  } else {
    node.kind = Kind::kString;
  }
}

std::size_t count_nodes(const YamlNode& node) {
  std::size_t count = 1;
  for (const auto& item : node.items) count += count_nodes(item);
  for (const auto& [key, value] : node.members) count += count_nodes(value);
  return count;
}

std::size_t levels(const YamlNode& node) {
  std::size_t deepest = 0;
  for (const auto& item : node.items) deepest = std::max(deepest, levels(item));
  for (const auto& [key, value] : node.members) deepest = std::max(deepest, levels(value));
  return deepest + 1;
}

// Builds the tree while yaml-cpp reads. Maps get their key and value as two nodes in turn.
class Builder : public YAML::EventHandler {
 public:
  std::vector<YamlNode> take_documents() { return std::move(documents_); }

  void OnDocumentStart(const YAML::Mark&) override { anchors_.clear(); }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { add(scalar(mark, ""), anchor); }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    auto node = scalar(mark, text);
    if (tag == "!" || tag == "tag:yaml.org,2002:str") {
      node.kind = YamlNode::Kind::kString;
    } else {
      resolve_plain(node);
    }
    add(std::move(node), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw Refusal{mark.line + 1, "an alias stands inside what it names"};
    aliased_ += count_nodes(found->second);
    if (aliased_ > kMostAliased)
      throw Refusal{mark.line + 1, fmt::format("more than {} values by aliases", kMostAliased)};
    if (open_.size() + levels(found->second) > kMostLevels) refuse_depth(mark.line + 1);
    add(found->second, YAML::NullAnchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::kList, mark, anchor);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::kMap, mark, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    YamlNode node;
    YAML::anchor_t anchor;
    std::map<std::string, int> keys;  // and their lines
    std::string key;
    bool has_key = false;
  };

  static YamlNode scalar(const YAML::Mark& mark, std::string text) {
    if (!is_utf8(text)) throw Refusal{mark.line + 1, "the text is not UTF-8"};
    YamlNode node;
    node.line = mark.line + 1;
    node.text = std::move(text);
    return node;
  }

  [[noreturn]] static void refuse_depth(int line) {
    throw Refusal{line, fmt::format("nested deeper than {} levels", kMostLevels)};
  }

  void open(YamlNode::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (open_.size() >= kMostLevels) refuse_depth(mark.line + 1);
    auto node = scalar(mark, "");
    node.kind = kind;
    open_.push_back({std::move(node), anchor, {}, {}, false});
  }

  void close() {
    auto closed = std::move(open_.back());
    open_.pop_back();
    add(std::move(closed.node), closed.anchor);
  }

  void add(YamlNode node, YAML::anchor_t anchor) {
    if (++nodes_ > kMostNodes) throw Refusal{node.line, fmt::format("more than {} values", kMostNodes)};
    if (anchor != YAML::NullAnchor) anchors_[anchor] = node;
    if (open_.empty()) {
      if (node.kind != YamlNode::Kind::kNull) documents_.push_back(std::move(node));
    } else if (auto& parent = open_.back(); parent.node.is_list()) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.has_key) {
      take_key(parent, node);
    } else {
      node.line = parent.keys.at(parent.key);
      parent.node.members.push_back({std::move(parent.key), std::move(node)});
      parent.has_key = false;
    }
  }

  static void take_key(Open& parent, const YamlNode& node) {
    if (node.is_list() || node.is_map()) throw Refusal{node.line, "a key must be plain text"};
    const auto [known, is_new] = parent.keys.emplace(node.text, node.line);
    if (!is_new) {
      throw Refusal{node.line,
                    fmt::format("\"{}\" stands here twice, first on line {}", node.text, known->second)};
    }
    parent.key = node.text;
    parent.has_key = true;
  }

  std::vector<YamlNode> documents_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, YamlNode> anchors_;
  std::size_t nodes_ = 0;
  std::size_t aliased_ = 0;
};

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  const auto found = std::ranges::find(members, key, &YamlMember::key);
  return found == members.end() ? nullptr : &found->value;
}

const YamlNode* YamlNode::at(std::initializer_list<std::string_view> path) const {
  const YamlNode* node = this;
  for (const auto key : path) {
    if (node != nullptr) node = node->find(key);
  }
  return node;
}

std::string YamlNode::text_at(std::initializer_list<std::string_view> path) const {
  const auto* const node = at(path);
  return node == nullptr ? std::string() : node->text;
}

Result<std::vector<YamlNode>> parse_yaml(std::string_view text, const std::string& source) {
  if (text.size() > kMostBytes)
    return invalid_input(fmt::format("{}: larger than {} MiB", source, kMostBytes >> 20));
  if (text.find('\0') != std::string_view::npos) {
    return invalid_input(fmt::format("{}: not a text file: it holds a zero byte", source));
  }
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    Builder builder;
    while (parser.HandleNextDocument(builder)) {
    }
    return builder.take_documents();
  } catch (const Refusal& refusal) {
    return invalid_input(fmt::format("{}:{}: {}", source, refusal.line, refusal.message));
  } catch (const YAML::Exception& failure) {
    return invalid_input(
        fmt::format("{}:{}: not valid YAML: {}", source, failure.mark.line + 1, failure.msg));
  }
}

}  // namespace rebalance
