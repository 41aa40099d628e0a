// What `run -o json` prints: one object a line, fields as docs/cli.md lists them. Pure; bytes are integers,
// `time` is RFC 3339.
#pragma once

#include <string>

#include "control/report.h"

namespace rebalance {

std::string plan_event(const Plan& plan, const std::string& time);
std::string state_event(const RunView& view, const std::string& time);
std::string progress_event(const RunView& view, const std::string& time);
std::string notice_event(const std::string& reason, const std::string& message, const std::string& time);
std::string summary_event(const Summary& summary, const std::string& time);

}  // namespace rebalance
