// What each single answer of decide must keep, whatever it was asked. Stated anew from what the documents
// promise, and sharing no check with decide but the clock of the windows.
#pragma once

#include <string>
#include <vector>

#include "reconcile/decide.h"

namespace rebalance::model {

// `full` in make test-full, `less` in make test, else `usual`, as scripts/mutants has it.
int in_form(int full, int usual, int less);

struct Question {
  const RedisRebalance& resource;
  const RebalanceStatus& status;
  const Notebook& notebook;
  const Scene& scene;
};

// The rules that the answer breaks, as sentences; empty: none.
std::vector<std::string> broken_rules(const Question& asked, const Decision& answer);

}  // namespace rebalance::model
