#include "reconcile/limits.h"

#include <fmt/format.h>

#include <algorithm>

#include "plan/stretch.h"

namespace rebalance {
namespace {

WayBack way_back(const LimitRaise& raise, const PodState* pod, const WorldNode* node,
                 const HeadroomSpec& spec) {
  using Verb = WayBack::Verb;
  const auto way = [&](Verb verb, std::string why) { return WayBack{raise, verb, std::move(why)}; };
  if (pod == nullptr || (!raise.uid.empty() && pod->uid != raise.uid))
    return way(Verb::kForget, raise.pod + " is another pod by now, with the limit of its template");
  const auto& resize = pod->resize;
  const bool real = resize.actual <= raise.from;
  if (resize.wanted == raise.from && real)
    return way(Verb::kForget, fmt::format("{} is back at {}", raise.pod, quantity_text(raise.from)));
  if (resize.wanted == raise.from) {
    return way(Verb::kWait,
               fmt::format("{} was given back its limit of {}, and {} is real still: {}", raise.pod,
                           quantity_text(raise.from), quantity_text(resize.actual), kubelet_words(resize)));
  }
  if (resize.wanted < raise.from || resize.wanted > raise.to) {
    return way(Verb::kForget, fmt::format("somebody else has set the limit of {} to {}", raise.pod,
                                          quantity_text(resize.wanted)));
  }
  // What never became real takes nothing away from the server.
  if (real) return way(Verb::kPutBack, fmt::format("{} was never real", quantity_text(raise.to)));
  if (node == nullptr) return way(Verb::kWait, raise.pod + " does not say what it holds");
  const Bytes holds = node->memory.base(), most = most_at_rest(*node, raise.from, spec);
  const auto figures = fmt::format("{} holds {}, and its old limit of {} lets it hold {}", raise.pod,
                                   human_bytes(holds), quantity_text(raise.from), human_bytes(most));
  return way(holds <= most ? Verb::kPutBack : Verb::kWait, figures);
}

}  // namespace

std::string kubelet_words(const PodResize& resize) {
  if (resize.state.empty()) return "the kubelet has not said anything yet";
  if (resize.message.empty()) return "the kubelet says " + resize.state;
  return fmt::format("the kubelet says {}: {}", resize.state, resize.message);
}

std::vector<WayBack> ways_back(const std::vector<LimitRaise>& raised, const std::vector<PodState>& pods,
                               const World& world, const HeadroomSpec& spec) {
  std::vector<WayBack> ways;
  for (const auto& raise : raised) {
    ways.push_back(way_back(raise, find_pod(pods, raise.pod), world.find_pod(raise.pod), spec));
  }
  return ways;
}

}  // namespace rebalance
