#include "base/log.h"

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace rebalance {
namespace {

constexpr const char* kTextPattern = "%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %v";

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = std::make_shared<spdlog::logger>("redis-rebalance",
                                                 std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    made->set_pattern(kTextPattern, spdlog::pattern_time_type::utc);
    made->set_level(spdlog::level::warn);
    return made;
  }();
  return *instance;
}

// %*: the message as a JSON string.
class JsonText : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm& /*time*/,
              spdlog::memory_buf_t& out) override {
    out.push_back('"');
    for (const char letter : message.payload) {
      if (letter == '"' || letter == '\\') out.push_back('\\');
      if (static_cast<unsigned char>(letter) < ' ') {
        fmt::format_to(std::back_inserter(out), "\\u{:04x}", letter);
      } else {
        out.push_back(letter);
      }
    }
    out.push_back('"');
  }
  std::unique_ptr<spdlog::custom_flag_formatter> clone() const override {
    return std::make_unique<JsonText>();
  }
};

}  // namespace

void set_log_format(LogFormat format) {
  if (format == LogFormat::kText) return logger().set_pattern(kTextPattern, spdlog::pattern_time_type::utc);
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  formatter->add_flag<JsonText>('*').set_pattern(
      R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":%*})");
  logger().set_formatter(std::move(formatter));
}

void set_log_level(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return logger().set_level(spdlog::level::debug);
    case LogLevel::kInfo: return logger().set_level(spdlog::level::info);
    case LogLevel::kWarning: return logger().set_level(spdlog::level::warn);
    case LogLevel::kError: return logger().set_level(spdlog::level::err);
  }
}

void log_debug(std::string_view message) { logger().debug(message); }
void log_info(std::string_view message) { logger().info(message); }
void log_warning(std::string_view message) { logger().warn(message); }
void log_error(std::string_view message) { logger().error(message); }

}  // namespace rebalance
