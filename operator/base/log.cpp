#include "base/log.h"

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <iterator>
#include <memory>

namespace rebalance {
namespace {

thread_local LogFields::Fields fields;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)

void put_json(std::string_view text, spdlog::memory_buf_t& out) {
  out.push_back('"');
  for (const char letter : text) {
    if (letter == '"' || letter == '\\') out.push_back('\\');
    if (static_cast<unsigned char>(letter) < ' ') {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", letter);
    } else {
      out.push_back(letter);
    }
  }
  out.push_back('"');
}

// %*: the message and the fields, as the rest of a JSON object or as text.
class Said : public spdlog::custom_flag_formatter {
 public:
  explicit Said(LogFormat format) : format_(format) {}

  void format(const spdlog::details::log_msg& message, const std::tm& /*time*/,
              spdlog::memory_buf_t& out) override {
    const std::string_view text(message.payload.data(), message.payload.size());
    if (format_ == LogFormat::kText) {
      out.append(text.data(), text.data() + text.size());
      for (const auto& [name, value] : fields) fmt::format_to(std::back_inserter(out), " {}={}", name, value);
      return;
    }
    put_json(text, out);
    for (const auto& [name, value] : fields) {
      fmt::format_to(std::back_inserter(out), ",\"{}\":", name);
      put_json(value, out);
    }
  }
  std::unique_ptr<spdlog::custom_flag_formatter> clone() const override {
    return std::make_unique<Said>(format_);
  }

 private:
  const LogFormat format_;
};

std::unique_ptr<spdlog::formatter> formatter(LogFormat format) {
  auto made = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  made->add_flag<Said>('*', format)
      .set_pattern(format == LogFormat::kText
                       ? "%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %*"
                       : R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":%*})");
  return made;
}

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = std::make_shared<spdlog::logger>("redis-rebalance",
                                                 std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    made->set_formatter(formatter(LogFormat::kText));
    made->set_level(spdlog::level::warn);
    return made;
  }();
  return *instance;
}

}  // namespace

void set_log_format(LogFormat format) { logger().set_formatter(formatter(format)); }

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

LogFields::LogFields(Fields more) : before_(fields.size()) {
  fields.insert(fields.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}
LogFields::~LogFields() { fields.resize(before_); }
LogFields::Fields LogFields::of_this_thread() { return fields; }

}  // namespace rebalance
