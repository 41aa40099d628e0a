#include "migrate/hand_over.h"

namespace rebalance {
namespace {

// ARGV: the target, the number of slots, each slot with its count, then each key with its check. The marks
// are tried, taken back, and set last: UNLINK in a marked slot would meet ASK for a key that just expired.
// Lua unpacks some thousands of values at the most.
constexpr const char* kScript = R"(
local target, last = ARGV[1], 2 + 2 * ARGV[2]
local slots = {}
for i = 3, last, 2 do
  local keys = redis.call('CLUSTER', 'GETKEYSINSLOT', ARGV[i], string.format('%d', ARGV[i + 1] + 1))
  if #keys ~= tonumber(ARGV[i + 1]) then return {'changed', ARGV[i]} end
  slots[#slots + 1] = keys
end
for i = last + 1, #ARGV, 2 do
  local dump = redis.call('DUMP', ARGV[i])
  if not dump or string.sub(dump, -8) ~= ARGV[i + 1] then return {'value', ARGV[i]} end
end
local function mark(...)
  local refused
  for i = 3, last, 2 do
    local reply = redis.pcall('CLUSTER', 'SETSLOT', ARGV[i], ...)
    refused = refused or reply.err
  end
  return refused
end
local refused = mark('MIGRATING', target)
mark('STABLE')
if refused then return {'refused', refused} end
local first = true
for _, keys in ipairs(slots) do
  for i = 1, #keys, 500 do
    local reply = redis.pcall('UNLINK', unpack(keys, i, math.min(i + 499, #keys)))
    if first and type(reply) == 'table' and reply.err then return {'refused', reply.err} end
    first = false
  end
end
mark('MIGRATING', target)
return {'done', ''}
)";

}  // namespace

Command hand_over(const HandOver& hand_over) {
  Command command{"EVAL", kScript, "0", hand_over.target, std::to_string(hand_over.counts.size())};
  for (const auto& [slot, keys] : hand_over.counts) {
    command.push_back(std::to_string(slot));
    command.push_back(std::to_string(keys));
  }
  for (const auto& [key, check] : hand_over.checks) {
    command.push_back(key);
    command.push_back(check);
  }
  return command;
}

HandedOver handed_over(const Reply& exec) {
  using Outcome = HandedOver::Outcome;
  if (exec.is_nil()) return {Outcome::kChanged, {}};
  if (exec.is_error()) return {Outcome::kRefused, exec.text};
  if (exec.items.size() != 1) return {Outcome::kRefused, "EXEC answered more than was asked"};
  const auto& said = exec.items.front();
  if (said.items.size() != 2) return {Outcome::kRefused, said.text};
  const auto& word = said.items[0].text;
  const auto outcome = word == "done"      ? Outcome::kDone
                       : word == "changed" ? Outcome::kChanged
                       : word == "value"   ? Outcome::kOtherValue
                                           : Outcome::kRefused;
  return {outcome, said.items[1].text};
}

}  // namespace rebalance
