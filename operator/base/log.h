// The one logger: lines on standard error, never a secret (callers pass no credentials, keys' values or
// payloads). Thread-safe.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rebalance {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// A line: "TIME LEVEL MESSAGE key=value ...", or an object with time, level, message and the fields.
enum class LogFormat { kText, kJson };

void set_log_format(LogFormat format);
void set_log_level(LogLevel level);
void log_debug(std::string_view message);
void log_info(std::string_view message);
void log_warning(std::string_view message);
void log_error(std::string_view message);

// What each line of this thread says beside its message while this lives: namespace, name, cluster, pair,
// slots. Nested ones add theirs; names must differ.
class LogFields {
 public:
  using Fields = std::vector<std::pair<std::string, std::string>>;
  explicit LogFields(Fields more);
  LogFields(std::string name, std::string value) : LogFields(Fields{{std::move(name), std::move(value)}}) {}
  ~LogFields();
  LogFields(const LogFields&) = delete;
  LogFields& operator=(const LogFields&) = delete;

  static Fields of_this_thread();  // to hand on to another

 private:
  std::size_t before_;
};

}  // namespace rebalance
