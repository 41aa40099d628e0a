#include "base/log.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

namespace rebalance {
namespace {

// What `say` writes to standard error.
template <typename Say>
std::string written(LogFormat format, Say say) {
  set_log_format(format);
  testing::internal::CaptureStderr();
  say();
  auto text = testing::internal::GetCapturedStderr();
  set_log_format(LogFormat::kText);
  return text;
}

TEST(Log, AJsonLineCarriesTheFieldsOfItsThread) {
  const auto line = written(LogFormat::kJson, [] {
    const LogFields of_run(LogFields::Fields{{"namespace", "shop"}, {"name", "add"}});
    const LogFields of_pair("pair", "redis-0 -> \"redis-1\"");
    log_warning("connecting\nagain");
  });
  const auto object = nlohmann::json::parse(line);
  EXPECT_EQ(object["message"], "connecting\nagain");
  EXPECT_EQ(object["level"], "warning");
  EXPECT_EQ(object["namespace"], "shop");
  EXPECT_EQ(object["pair"], "redis-0 -> \"redis-1\"");
}

TEST(Log, FieldsEndWithTheirScopeAndReachOtherThreadsOnlyByHand) {
  const auto text = written(LogFormat::kText, [] {
    {
      const LogFields fields("name", "add");
      std::jthread([same = LogFields::of_this_thread()] {
        log_warning("bare");
        const LogFields handed(same);
        log_warning("handed");
      });
    }
    log_warning("after");
  });
  EXPECT_NE(text.find("bare\n"), std::string::npos) << text;
  EXPECT_NE(text.find("handed name=add\n"), std::string::npos) << text;
  EXPECT_NE(text.find("after\n"), std::string::npos) << text;
}

}  // namespace
}  // namespace rebalance
