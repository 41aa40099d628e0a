#include "migrate/classify.h"

#include <array>

namespace rebalance {
namespace {

struct Rule {
  std::string_view part;
  Failure meaning;
};

// Read from the sources of Redis 6.0 to 8.6 and Valkey 8.0 to 9.1; the first that fits wins.
constexpr std::array kRules{
    // "-IOERR error or timeout connecting to the client": nothing was sent yet
    Rule{"error or timeout connecting", Failure::kTransient},
    Rule{"IOERR", Failure::kUnknown},
    Rule{"BUSYKEY", Failure::kBusyKey},
    Rule{"OOM ", Failure::kOutOfMemory},
    Rule{"NOAUTH", Failure::kCredentials},
    Rule{"WRONGPASS", Failure::kCredentials},
    Rule{"NOPERM", Failure::kCredentials},
    Rule{"invalid password", Failure::kCredentials},
    Rule{"Please use SETSLOT only with", Failure::kNotPrimary},
    Rule{"READONLY", Failure::kNotPrimary},
    Rule{"while I still hold keys", Failure::kStillHasKeys},
    Rule{"m already the owner of hash slot", Failure::kAlreadyOwner},
    Rule{"m not the owner of hash slot", Failure::kAlreadyOwner},
    Rule{"Slot import in progress", Failure::kAtomicTask},
    Rule{"Slot export in progress", Failure::kAtomicTask},
    Rule{"ASM task", Failure::kAtomicTask},
    Rule{"is being trimmed", Failure::kAtomicTask},
    Rule{"trim", Failure::kAtomicTask},
    Rule{"MOVED ", Failure::kMoved},
    Rule{"ASK ", Failure::kMoved},
    Rule{"Hash slot not served", Failure::kMoved},
    Rule{"TRYAGAIN", Failure::kTransient},
    Rule{"LOADING", Failure::kTransient},
    Rule{"CLUSTERDOWN", Failure::kTransient},
    Rule{"MASTERDOWN", Failure::kTransient},
    Rule{"BUSY ", Failure::kTransient},
    Rule{"MISCONF", Failure::kTransient},
    Rule{"NOREPLICAS", Failure::kTransient},
    Rule{"UNBLOCKED", Failure::kTransient},
    // CLIENT TRACKING, when the connection that was to be told is gone
    Rule{"want redirect to does not exist", Failure::kTransient},
    // this node has not heard yet of a failover, or of a node that joined: gossip takes a second or two
    Rule{"Target node is not a master", Failure::kTransient},
    Rule{"nknown node", Failure::kTransient},
    Rule{"know about node", Failure::kTransient},
};

}  // namespace

Failure classify(std::string_view text) {
  for (const auto& rule : kRules) {
    if (text.find(rule.part) != std::string_view::npos) return rule.meaning;
  }
  return Failure::kFatal;
}

Millis back_off(int tries) { return std::min<Millis>(Millis(100) * (1 << tries), Millis(5000)); }

}  // namespace rebalance
