// The medians of a contest as a picture: keys a second and the clients' p99.9 of each contestant, as SVG.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "rebalance_table.h"

namespace rebalance {

void write_plot(const std::filesystem::path& file, const std::string& title, const std::vector<Row>& rows);

}  // namespace rebalance
