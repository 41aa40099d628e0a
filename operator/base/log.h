// The one logger: lines on standard error, never a secret (callers pass no credentials, keys' values or
// payloads). Thread-safe.
#pragma once

#include <string_view>

namespace rebalance {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

enum class LogFormat {
  kText,
  kJson
};  // a line: "TIME LEVEL MESSAGE", or an object with time, level, message

void set_log_format(LogFormat format);
void set_log_level(LogLevel level);
void log_debug(std::string_view message);
void log_info(std::string_view message);
void log_warning(std::string_view message);
void log_error(std::string_view message);

}  // namespace rebalance
