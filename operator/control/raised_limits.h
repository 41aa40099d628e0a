// Memory limits that are raised in place while slots move: recorded before they are, so that whoever comes
// next puts them back. Not thread-safe.
#pragma once

#include <memory>
#include <vector>

#include "control/report.h"
#include "kube/api_client.h"
#include "kube/document_store.h"
#include "reconcile/limits.h"

namespace rebalance {

inline constexpr const char* kLimits = "limits.json";

class RaisedLimits {
 public:
  // Reads what an earlier run left; kInvalidInput when it cannot be understood. Both must outlive it.
  static Result<std::unique_ptr<RaisedLimits>> open(DocumentStore& documents, ApiClient& client);

  const std::vector<LimitRaise>& all() const { return limits_; }
  std::vector<LimitRaise> to_put_back() const;  // those of them that can be

  // Asks for these limits; the old ones are on record when it does. Stops at the first that is refused.
  Status raise(const std::vector<LimitRaise>& raises, const std::vector<PodState>& pods, Reporter& reporter);
  // Puts back those that may go back by now, and forgets those that are back. What is refused for good, as by
  // an API server that does not lower memory limits, is told and not tried again: the pod keeps its limit
  // until it is made anew.
  void put_back(const std::vector<PodState>& pods, const World& world, const HeadroomSpec& spec,
                Reporter& reporter);
  // Tells what stays raised for now, and why.
  void tell_what_stays(const std::vector<PodState>& pods, const World& world, const HeadroomSpec& spec,
                       Reporter& reporter) const;

 private:
  RaisedLimits(DocumentStore& documents, ApiClient& client) : documents_(documents), client_(client) {}
  Status keep(std::vector<LimitRaise> limits);
  void lower(const WayBack& way, LimitRaise& raise, const PodState& pod, Reporter& reporter);

  DocumentStore& documents_;
  ApiClient& client_;
  std::vector<LimitRaise> limits_;
};

}  // namespace rebalance
