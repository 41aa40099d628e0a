// Evens out what slots cost (bytes, keys or one each) over primaries by changing owners of slots.
//
// First whole amounts are sent from those above their share to those below, in runs of neighbouring slots and
// within one zone where that is equal; then single slots and exchanges mend what granularity left.
// Near-linear in slots + primaries. Deterministic.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "model/slot_set.h"

namespace rebalance {

struct Share {
  double expected = 0;  // of the summed cost
  bool may_take = true;
  bool must_empty = false;  // gives all its movable slots; expected is ignored
  int zone = -1;            // equal numbers are one zone; -1 unknown
};

class Spread {
 public:
  // `owner` is changed in place and indexes `shares`; entries below 0 stay out of it. Only slots of positive
  // cost that `movable` marks change hands. `cost` and `movable` have an entry for each slot.
  Spread(std::vector<int>& owner, const std::vector<double>& cost, const std::vector<bool>& movable,
         std::vector<Share> shares);

  // True if somebody is off its expected share by more than this fraction.
  bool uneven(double tolerance) const;
  // Ends within this fraction of every expected share where slot sizes allow.
  void even_out(double band);

  // The highest held / expected.
  double skew() const;

 private:
  struct Offer {
    int node;
    double amount;
  };
  // A slot to hand over, and perhaps one to get back; the price is what the worse of the two is off
  // afterwards.
  struct Trade {
    int out = -1, back = -1;
    double off = 0;
  };
  using Priced = std::vector<std::pair<double, Slot>>;  // by cost

  double off(int node, double change = 0) const;
  void send_amounts(double band);
  std::vector<Offer> offers(double level, bool givers) const;
  void match(std::vector<Offer>& givers, std::vector<Offer>& takers);
  double send(int giver, int taker, double amount);
  void empty_out();
  bool useful(int giver, int taker, double cost) const;
  void mend(double band);
  bool mend_one(int node, const std::vector<int>& partners, double band);
  Trade best_move(int from, int to);
  Trade best_exchange(int from, int to);
  void hand_over(int from, int to, Slot slot);
  Priced& priced(int node);

  std::vector<int>& owner_;
  const std::vector<double>& cost_;
  std::vector<Share> shares_;
  std::vector<double> held_;
  std::vector<std::vector<Slot>> movable_;  // of each node, ascending, until it gives or gets them
  std::vector<Priced> priced_;              // of each node, made when first asked for
  std::vector<bool> has_priced_;
};

}  // namespace rebalance
