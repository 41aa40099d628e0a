#include "plan/spread.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace rebalance {
namespace {

constexpr double kAimInside =
    0.8;                        // amounts aim at this part of the band, so that granularity stays within it
constexpr double kTiny = 1e-9;  // of an amount: what rounding of doubles may leave
constexpr int kMisfitsPassed =
    64;  // slots too large for the rest of an amount, before the next pair is tried
constexpr std::size_t kPartners = 16;  // tried to mend one node

double worse(double a, double b) { return std::max(std::abs(a), std::abs(b)); }

// The x of [low, high] at which the falling or rising function crosses the wanted value.
template <typename Function>
double crossing(double low, double high, double wanted, Function function) {
  const bool rising = function(high) >= function(low);
  for (int i = 0; i < 40; ++i) {
    const double middle = (low + high) / 2;
    const bool too_low = (function(middle) < wanted) == rising;
    (too_low ? low : high) = middle;
  }
  return high;
}

}  // namespace

Spread::Spread(std::vector<int>& owner, const std::vector<double>& cost, const std::vector<bool>& movable,
               std::vector<Share> shares)
    : owner_(owner),
      cost_(cost),
      shares_(std::move(shares)),
      held_(shares_.size()),
      movable_(shares_.size()),
      priced_(shares_.size()),
      has_priced_(shares_.size()) {
  double total = 0;
  for (int slot = 0; slot < kSlotCount; ++slot) {
    if (owner_[slot] < 0) continue;
    total += cost_[slot];
    held_[owner_[slot]] += cost_[slot];
    if (movable[slot] && cost_[slot] > 0) movable_[owner_[slot]].push_back(static_cast<Slot>(slot));
  }
  // A share of nothing would divide by zero: it becomes one that any cost exceeds.
  for (auto& share : shares_) share.expected = std::max(share.expected, (total + 1) * kTiny);
}

double Spread::off(int node, double change) const {
  return (held_[node] + change) / shares_[node].expected - 1;
}

bool Spread::uneven(double tolerance) const {
  for (std::size_t i = 0; i < shares_.size(); ++i) {
    if (std::abs(off(static_cast<int>(i))) > tolerance + kTiny) return true;
  }
  return false;
}

double Spread::skew() const {
  double highest = 0;
  for (std::size_t i = 0; i < shares_.size(); ++i) highest = std::max(highest, off(static_cast<int>(i)) + 1);
  return highest;
}

void Spread::even_out(double band) {
  send_amounts(band);
  empty_out();
  mend(band);
}

std::vector<Spread::Offer> Spread::offers(double level, bool givers) const {
  std::vector<Offer> found;
  for (int i = 0; i < static_cast<int>(shares_.size()); ++i) {
    const double wanted = shares_[i].must_empty ? 0 : shares_[i].expected * level;
    const double amount = givers ? held_[i] - wanted : wanted - held_[i];
    if (amount > shares_[i].expected * kTiny) found.push_back({i, amount});
  }
  std::ranges::stable_sort(found, std::ranges::greater{}, &Offer::amount);
  return found;
}

void Spread::send_amounts(double band) {
  const double inside = band * kAimInside;
  const auto sum = [&](double level, bool givers) {
    double total = 0;
    for (const auto& offer : offers(level, givers)) total += offer.amount;
    return total;
  };
  // The least that brings everybody into the band; the other side then shares it evenly.
  const double given = sum(1 + inside, true), taken = sum(1 - inside, false);
  double give_level = 1 + inside, take_level = 1 - inside;
  if (given >= taken) {
    take_level = crossing(1 - inside, 1 + inside, given, [&](double level) { return sum(level, false); });
  } else {
    give_level = crossing(1 - inside, 1 + inside, taken, [&](double level) { return sum(level, true); });
  }
  auto givers = offers(give_level, true), takers = offers(take_level, false);
  match(givers, takers);
}

void Spread::match(std::vector<Offer>& givers, std::vector<Offer>& takers) {
  const auto pair_up = [&](std::vector<Offer*> giving, std::vector<Offer*> taking) {
    std::size_t g = 0, t = 0;
    while (g < giving.size() && t < taking.size()) {
      auto &giver = *giving[g], &taker = *taking[t];
      const double amount = std::min(giver.amount, taker.amount);
      const bool giver_ends = giver.amount <= taker.amount;
      const double sent = send(giver.node, taker.node, amount);
      giver.amount -= sent;
      taker.amount -= sent;
      ++(giver_ends ? g : t);
    }
  };
  std::map<int, std::pair<std::vector<Offer*>, std::vector<Offer*>>> zones;
  std::vector<Offer*> all_givers, all_takers;
  for (auto& giver : givers) {
    zones[shares_[giver.node].zone].first.push_back(&giver);
    all_givers.push_back(&giver);
  }
  for (auto& taker : takers) {
    zones[shares_[taker.node].zone].second.push_back(&taker);
    all_takers.push_back(&taker);
  }
  if (zones.size() > 1) {
    for (auto& [zone, sides] : zones) {
      if (zone >= 0) pair_up(sides.first, sides.second);
    }
  }
  pair_up(all_givers, all_takers);
}

// From the end of the giver's slots, so that what it keeps and what it gives are runs.
double Spread::send(int giver, int taker, double amount) {
  double sent = 0;
  std::vector<Slot> passed;
  auto& slots = movable_[giver];
  const double enough = amount * (1 - kTiny);
  while (!slots.empty() && sent < enough && passed.size() < kMisfitsPassed) {
    const Slot slot = slots.back();
    slots.pop_back();
    if (sent + cost_[slot] > amount * (1 + kTiny) || !useful(giver, taker, cost_[slot])) {
      passed.push_back(slot);
      continue;
    }
    sent += cost_[slot];
    hand_over(giver, taker, slot);
  }
  slots.insert(slots.end(), passed.rbegin(), passed.rend());
  return sent;
}

// True if the two are closer to their shares afterwards (the sum of squares falls).
bool Spread::useful(int giver, int taker, double cost) const {
  if (shares_[giver].must_empty) return true;
  const double per_byte = 1 / shares_[giver].expected + 1 / shares_[taker].expected;
  return cost * per_byte < 2 * (off(giver) - off(taker)) * (1 - kTiny);
}

// What granularity left on nodes that must become empty goes where most is missing, the largest first.
void Spread::empty_out() {
  std::set<std::pair<double, int>> emptiest;
  for (int i = 0; i < static_cast<int>(shares_.size()); ++i) {
    if (!shares_[i].must_empty) emptiest.insert({off(i), i});
  }
  for (int giver = 0; giver < static_cast<int>(shares_.size()); ++giver) {
    if (!shares_[giver].must_empty) continue;
    auto left = std::exchange(movable_[giver], {});
    std::ranges::stable_sort(left, std::ranges::greater{}, [&](Slot slot) { return cost_[slot]; });
    for (const Slot slot : left) {
      const int taker = emptiest.begin()->second;
      emptiest.erase(emptiest.begin());
      hand_over(giver, taker, slot);
      emptiest.insert({off(taker), taker});
    }
  }
}

Spread::Priced& Spread::priced(int node) {
  if (!has_priced_[node]) {
    has_priced_[node] = true;
    for (const Slot slot : movable_[node]) priced_[node].emplace_back(cost_[slot], slot);
    std::ranges::sort(priced_[node]);
  }
  return priced_[node];
}

void Spread::hand_over(int from, int to, Slot slot) {
  const std::pair<double, Slot> entry{cost_[slot], slot};
  owner_[slot] = to;
  held_[from] -= cost_[slot];
  held_[to] += cost_[slot];
  if (has_priced_[from]) std::erase(priced_[from], entry);
  if (has_priced_[to]) priced_[to].insert(std::ranges::upper_bound(priced_[to], entry), entry);
  if (!has_priced_[to] && !shares_[to].must_empty) movable_[to].push_back(slot);
}

Spread::Trade Spread::best_move(int from, int to) {
  const double ideal = (off(from) - off(to)) / (1 / shares_[from].expected + 1 / shares_[to].expected);
  const auto& slots = priced(from);
  Trade best{-1, -1, worse(off(from), off(to))};
  auto near = std::ranges::lower_bound(slots, std::pair<double, Slot>{ideal, 0});
  for (const int step : {0, -1}) {
    const auto at = near - slots.begin() + step;
    if (at < 0 || at >= std::ssize(slots)) continue;
    const auto [cost, slot] = slots[at];
    const double then = worse(off(from, -cost), off(to, cost));
    if (then < best.off - kTiny) best = {slot, -1, then};
  }
  return best;
}

Spread::Trade Spread::best_exchange(int from, int to) {
  const double ideal = (off(from) - off(to)) / (1 / shares_[from].expected + 1 / shares_[to].expected);
  const auto &out = priced(from), &back = priced(to);
  Trade best{-1, -1, worse(off(from), off(to))};
  std::ptrdiff_t b = 0;
  for (const auto& [cost, slot] : out) {
    while (b < std::ssize(back) && back[b].first < cost - ideal) ++b;
    for (const auto at : {b - 1, b}) {
      if (at < 0 || at >= std::ssize(back)) continue;
      const double change = cost - back[at].first;
      const double then = worse(off(from, -change), off(to, change));
      if (then < best.off - kTiny) best = {slot, back[at].second, then};
    }
  }
  return best;
}

// Takes the trade with the first partner that brings both into the band, else the best that helps at all.
bool Spread::mend_one(int node, const std::vector<int>& partners, double band) {
  const bool gives = off(node) > 0;
  Trade best;
  int best_partner = -1;
  for (const int partner : partners) {
    const int from = gives ? node : partner, to = gives ? partner : node;
    if (!shares_[to].may_take) continue;
    Trade trade = best_move(from, to);
    if (trade.off > band && shares_[from].may_take) {
      if (const Trade exchange = best_exchange(from, to); exchange.out >= 0 && exchange.off < trade.off)
        trade = exchange;
    }
    if (trade.out < 0 || (best_partner >= 0 && trade.off >= best.off)) continue;
    best = trade;
    best_partner = partner;
    if (trade.off <= band) break;
  }
  if (best_partner < 0) return false;
  const int from = gives ? node : best_partner, to = gives ? best_partner : node;
  hand_over(from, to, static_cast<Slot>(best.out));
  if (best.back >= 0) hand_over(to, from, static_cast<Slot>(best.back));
  return true;
}

void Spread::mend(double band) {
  std::set<std::pair<double, int>> order;
  for (int i = 0; i < static_cast<int>(shares_.size()); ++i) {
    if (!shares_[i].must_empty) order.insert({off(i), i});
  }
  const auto reorder = [&](int node, double before) {
    order.erase({before, node});
    order.insert({off(node), node});
  };
  std::vector<bool> stuck(shares_.size());
  const auto free_in = [&](const auto& begin, const auto& end) {
    return std::find_if(begin, end, [&](const auto& entry) { return !stuck[entry.second]; });
  };
  for (std::size_t round = 0; round < 8 * shares_.size() + 64; ++round) {
    const auto low = free_in(order.begin(), order.end());
    const auto high = free_in(order.rbegin(), order.rend());
    if (low == order.end() || worse(low->first, high->first) <= band) return;
    const bool gives = std::abs(high->first) >= std::abs(low->first);
    const int node = gives ? high->second : low->second;

    std::vector<int> partners;
    const auto note = [&](const auto& entry) {
      if (entry.second != node && partners.size() < kPartners) partners.push_back(entry.second);
      return partners.size() < kPartners;
    };
    if (gives) {
      for (auto it = order.begin(); it != order.end() && note(*it); ++it) {
      }
    } else {
      for (auto it = order.rbegin(); it != order.rend() && note(*it); ++it) {
      }
    }
    const double before = off(node);
    std::vector<double> partners_before;
    for (const int partner : partners) partners_before.push_back(off(partner));
    if (!mend_one(node, partners, band)) {
      stuck[node] = true;
      continue;
    }
    reorder(node, before);
    for (std::size_t i = 0; i < partners.size(); ++i) reorder(partners[i], partners_before[i]);
  }
}

}  // namespace rebalance
