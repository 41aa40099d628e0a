#include "model/finding.h"

#include <algorithm>

namespace rebalance {

const Finding* first_blocker(const std::vector<Finding>& findings) {
  const auto found = std::ranges::find(findings, Severity::kBlocker, &Finding::severity);
  return found == findings.end() ? nullptr : &*found;
}

std::string fact_of(const Finding& finding) {
  return finding.where.empty() ? finding.evidence : finding.where + ": " + finding.evidence;
}

std::string sentence_of(const Finding& finding) {
  return finding.remedy.empty() ? fact_of(finding) : fact_of(finding) + "; " + finding.remedy;
}

}  // namespace rebalance
