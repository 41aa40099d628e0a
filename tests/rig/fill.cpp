#include "rig/fill.h"

#include <cmath>
#include <cstring>
#include <future>
#include <random>
#include <stdexcept>
#include <vector>

namespace rig {
namespace {

constexpr int64_t kElementBytes = 60;
constexpr size_t kElementsPerCommand = 500;
constexpr size_t kPipelineCommands = 256;
constexpr size_t kPipelineBytes = 1 << 20;

using Random = std::mt19937_64;

double share(Random& random) { return std::uniform_real_distribution<>(0, 1)(random); }

// Bytes that no compression makes smaller.
std::string noise(Random& random, int64_t bytes) {
  std::string text(static_cast<size_t>(bytes), '\0');
  for (size_t at = 0; at < text.size(); at += sizeof(uint64_t)) {
    const uint64_t word = random();
    std::memcpy(text.data() + at, &word, std::min(sizeof word, text.size() - at));
  }
  return text;
}

// A key by its number: always the same for a seed, whoever asks.
class KeyMaker {
 public:
  KeyMaker(const FillOptions& options, int64_t number)
      : options_(options),
        number_(number),
        random_(options.seed * 0x9e3779b97f4a7c15ULL + static_cast<uint64_t>(number)) {
    name_ = options.prefix + std::to_string(number);
    if (share(random_) < options.tag_share) name_ = "{tag" + std::to_string(random_() % 500) + "}" + name_;
    if (share(random_) < options.binary_share) name_ += std::string("\0\r\n\xff\x80", 5);
  }

  const std::string& name() const { return name_; }
  int64_t value_bytes() const { return value_bytes_; }

  std::vector<Arguments> commands() {
    const double low = std::log(static_cast<double>(options_.min_value_bytes));
    const double high = std::log(static_cast<double>(options_.max_value_bytes));
    value_bytes_ = std::llround(std::exp(low + (high - low) * share(random_)));
    std::vector<Arguments> commands =
        options_.hash_fields > 0 ? elements("HSET") : content(options_.mixed_types ? share(random_) : 0);
    if (share(random_) < options_.ttl_share)
      commands.push_back({"PEXPIRE", name_, std::to_string(3'600'000 + random_() % 3'600'000)});
    return commands;
  }

 private:
  std::vector<Arguments> content(double kind) {
    if (kind < 0.5) return {{"SET", name_, noise(random_, value_bytes_)}};
    if (kind < 0.65) return elements("HSET");
    if (kind < 0.75) return elements("RPUSH");
    if (kind < 0.85) return elements("SADD");
    if (kind < 0.95) return elements("ZADD");
    return stream();
  }

  std::vector<Arguments> elements(const std::string& command) {
    std::vector<Arguments> commands;
    const int64_t count =
        options_.hash_fields > 0 ? options_.hash_fields : std::max<int64_t>(1, value_bytes_ / kElementBytes);
    const int64_t each = std::max<int64_t>(8, value_bytes_ / count);
    for (int64_t i = 0; i < count; ++i) {
      if (commands.empty() || commands.back().size() > kElementsPerCommand)
        commands.push_back({command, name_});
      Arguments& last = commands.back();
      if (command == "HSET") last.push_back("field" + std::to_string(i));
      if (command == "ZADD") last.push_back(std::to_string(i) + ".5");
      last.push_back(noise(random_, each));
    }
    return commands;
  }

  std::vector<Arguments> stream() {
    std::vector<Arguments> commands;
    const int64_t count = std::max<int64_t>(2, value_bytes_ / kElementBytes);
    for (int64_t i = 1; i <= count; ++i)
      commands.push_back({"XADD", name_, std::to_string(number_ + 1) + "-" + std::to_string(i), "field",
                          noise(random_, kElementBytes)});
    commands.push_back({"XGROUP", "CREATE", name_, "readers", "0"});
    commands.push_back({"XREADGROUP", "GROUP", "readers", "reader", "COUNT", "2", "STREAMS", name_, ">"});
    commands.push_back({"XACK", name_, "readers", std::to_string(number_ + 1) + "-1"});
    return commands;
  }

  const FillOptions& options_;
  int64_t number_;
  Random random_;
  std::string name_;
  int64_t value_bytes_ = 0;
};

// Sends, and reads what is due before too much is on its way.
class Pipeline {
 public:
  explicit Pipeline(const Endpoint& endpoint) : client_(endpoint, Milliseconds(60'000)) {}

  void add(const Arguments& arguments) {
    client_.send(arguments);
    ++commands_;
    for (const auto& argument : arguments) bytes_ += argument.size();
    if (commands_ >= kPipelineCommands || bytes_ >= kPipelineBytes) finish();
  }

  void finish() {
    for (; commands_ > 0; --commands_)
      if (const Reply reply = client_.receive(); reply.is_error())
        throw std::runtime_error("fill: " + reply.text);
    bytes_ = 0;
  }

 private:
  Client client_;
  size_t commands_ = 0;
  size_t bytes_ = 0;
};

Filled fill_primary(const Topology& topology, int primary, const FillOptions& options) {
  Filled filled;
  Pipeline pipeline(topology.primaries[static_cast<size_t>(primary)]);
  for (int64_t number = 0; number < options.keys; ++number) {
    KeyMaker key(options, number);
    const int slot = key_slot(key.name());
    if (topology.owner[static_cast<size_t>(slot)] != primary) continue;
    if (options.only_slots && !options.only_slots(slot)) continue;
    for (const auto& command : key.commands()) pipeline.add(command);
    ++filled.keys;
    filled.value_bytes += key.value_bytes();
  }
  pipeline.finish();
  return filled;
}

}  // namespace

Filled fill(const Endpoint& seed, const FillOptions& options) {
  const Topology topology = Topology::read(seed);
  std::vector<std::future<Filled>> parts;
  for (int i = 0; i < static_cast<int>(topology.primaries.size()); ++i)
    parts.push_back(std::async(std::launch::async, [&, i] { return fill_primary(topology, i, options); }));
  Filled all;
  for (auto& part : parts) {
    const Filled filled = part.get();
    all.keys += filled.keys;
    all.value_bytes += filled.value_bytes;
  }
  return all;
}

void write_big_hash(const Endpoint& seed, const std::string& key, int64_t bytes) {
  const Topology topology = Topology::read(seed);
  const int owner = topology.owner[static_cast<size_t>(key_slot(key))];
  Pipeline pipeline(topology.primaries.at(static_cast<size_t>(owner)));
  Random random(1);
  for (int64_t field = 0; field * 1000 < bytes; ++field)
    pipeline.add({"HSET", key, "field" + std::to_string(field), noise(random, 1000)});
  pipeline.finish();
}

}  // namespace rig
