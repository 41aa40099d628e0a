#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "redis/claim.h"
#include "redis_support.h"

namespace rebalance {
namespace {

using testing::HasSubstr;

class Claims : public testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 3; ++i) {
      servers_.push_back(std::make_unique<rig::Server>(rig::installed_versions().back(),
                                                       folder_.path() / std::to_string(i),
                                                       rig::ServerOptions{.cluster = false}));
      nodes_.push_back(options_to(servers_.back()->endpoint()));
    }
  }
  std::variant<Claim, HeldBy> acquire(const std::string& holder) {
    auto result = Claim::acquire(nodes_, holder);
    if (!result) throw std::runtime_error(result.error().message);
    return *std::move(result);
  }
  int connections_of(const std::string& name) {
    int count = 0;
    for (const auto& server : servers_) {
      const auto list = server->command({"CLIENT", "LIST"}).text;
      for (std::size_t at = list.find(name); at != std::string::npos; at = list.find(name, at + 1)) ++count;
    }
    return count;
  }

  rig::TempFolder folder_;
  std::vector<std::unique_ptr<rig::Server>> servers_;
  std::vector<ConnectOptions> nodes_;
};

TEST_F(Claims, AreCarriedByAConnectionToEveryNode) {
  auto claim = acquire("laptop of ann");
  ASSERT_TRUE(std::holds_alternative<Claim>(claim));
  EXPECT_EQ(connections_of("name=redis-rebalance:holding:laptop-of-ann:"), 3);
  EXPECT_TRUE(std::get<Claim>(claim).keep_alive());
}

TEST_F(Claims, ASecondOneWaitsWhileTheFirstLives) {
  auto first = acquire("first");
  const auto second = acquire("second");
  ASSERT_TRUE(std::holds_alternative<HeldBy>(second));
  EXPECT_THAT(std::get<HeldBy>(second).text(), HasSubstr("held by first since 20"));
  EXPECT_EQ(connections_of(":second:"), 0);
  std::get<Claim>(first).release();
  EXPECT_TRUE(rig::wait_until([&] { return std::holds_alternative<Claim>(acquire("second")); },
                              rig::Milliseconds(2000)));
}

// The first falls silent, as a paused process does; the second ends its connections, and the first notices.
TEST_F(Claims, ASilentOneIsTakenOverAndFencedOff) {
  auto first = acquire("first");
  auto& paused = std::get<Claim>(first);
  auto writer = paused.open(nodes_[0]).value();
  std::optional<Claim> second;
  ASSERT_TRUE(rig::wait_until(
      [&] {
        auto taken = acquire("second");
        if (auto* claim = std::get_if<Claim>(&taken)) second = std::move(*claim);
        return second.has_value();
      },
      rig::Milliseconds(25'000)));
  EXPECT_EQ(connections_of(":first:"), 0);
  EXPECT_FALSE(writer.command({"SET", "k", "late write"}));
  EXPECT_EQ(servers_[0]->command({"EXISTS", "k"}).integer, 0);
  const auto lost = paused.keep_alive();
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, ErrorCode::kConflict);
  EXPECT_THAT(lost.error().message, HasSubstr("held by second"));
  EXPECT_EQ(paused.open(nodes_[0]).error().code, ErrorCode::kConflict);
  EXPECT_TRUE(second->keep_alive());
}

TEST_F(Claims, ANodeThatRestartedIsClaimedAgain) {
  auto claim = acquire("first");
  servers_[1]->restart();
  EXPECT_TRUE(rig::wait_until([&] { return std::get<Claim>(claim).keep_alive().has_value(); },
                              rig::Milliseconds(5000)));
  EXPECT_EQ(connections_of(":holding:first:"), 3);
}

TEST_F(Claims, NothingIsClaimedWhenANodeCannotBeAsked) {
  servers_[2]->stop();
  const auto claim = Claim::acquire(nodes_, "first");
  ASSERT_FALSE(claim);
  EXPECT_EQ(claim.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(claim.error().message.find("127.0.0.1"), 0U);
}

}  // namespace
}  // namespace rebalance
