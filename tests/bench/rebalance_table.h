// Medians of the runs of each contestant, as a table for people and as JSON.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "rebalance_contest.h"

namespace rebalance {

struct Row {
  Contestant contestant;
  std::vector<Measured> runs;

  // Of one figure over the runs; the lower middle one of an even number.
  double median(const std::function<double(const Measured&)>& figure) const;
};

// Ours against the first row, which is redis-cli with its defaults.
struct Claim {
  std::string sentence;
  bool met = false;
};

std::string table(const std::vector<Row>& rows);
std::vector<Claim> claims(const std::vector<Row>& rows);
void write_json(const std::filesystem::path& file, const std::vector<Row>& rows, const Workload& workload);
std::string load_average();  // of 1, 5 and 15 minutes: what else the machine had to do

}  // namespace rebalance
