#include "migrate/expiry.h"

#include <gtest/gtest.h>

namespace rebalance {
namespace {

using namespace std::chrono_literals;

std::vector<std::string> instants(const Ask& ask) {
  std::vector<std::string> instants;
  for (const auto& command : ask.commands) {
    if (command[0] == "EVAL") instants.push_back(command[3] + "@" + command[4]);
  }
  return instants;
}

TEST(Expiries, AreAskedRightBeforeTheMigrate) {
  const Expiries exact(true, false), counted(false, false), asking(true, true);
  std::vector<Command> first, second, third;
  exact.ask({"a", "b"}, first);
  EXPECT_EQ(first, (std::vector<Command>{{"PEXPIRETIME", "a"}, {"PEXPIRETIME", "b"}}));
  counted.ask({"a"}, second);
  EXPECT_EQ(second, (std::vector<Command>{{"TIME"}, {"PTTL", "a"}}));
  asking.ask({"a"}, third);
  EXPECT_EQ(third, (std::vector<Command>{{"ASKING"}, {"PEXPIRETIME", "a"}}));
}

TEST(Expiries, KeysThatDoNotExpireCostNothing) {
  Expiries expiries(true, false);
  std::vector<Command> commands;
  expiries.ask({}, commands);
  EXPECT_TRUE(commands.empty());
  EXPECT_FALSE(expiries.next());
}

TEST(Expiries, WhatTheSourceToldIsSetOnTheTarget) {
  Expiries expiries(true, false);
  std::size_t next = 0;
  // b has lost its expiry since it was listed, c is gone.
  expiries.learn({"a", "b", "c"},
                 {Reply::number(1'700'000'000'123), Reply::number(-1), Reply::error("ASK 93 10.0.0.2:6379"),
                  Reply::status("OK")},
                 next);
  EXPECT_EQ(next, 3u);
  expiries.arrived(1500us);
  const auto ask = expiries.next();
  ASSERT_TRUE(ask);
  EXPECT_EQ(ask->side, Side::kTarget);
  EXPECT_TRUE(ask->writes);
  EXPECT_EQ(instants(*ask), std::vector<std::string>{"a@1700000000123"});
  EXPECT_EQ(ask->commands[0], Command{"ASKING"});
  EXPECT_EQ(ask->commands[1][5], "52");  // 2 ms of way, 50 of clocks
  EXPECT_FALSE(expiries.next());
}

TEST(Expiries, BeforePexpiretimeTheInstantIsTimePlusWhatIsLeft) {
  Expiries expiries(false, true);
  std::size_t next = 0;
  expiries.learn({"a"},
                 {Reply::array({Reply::string("1700000000"), Reply::string("123999")}), Reply::status("OK"),
                  Reply::number(4000)},
                 next);
  EXPECT_EQ(next, 3u);
  EXPECT_EQ(instants(*expiries.next()), std::vector<std::string>{"a@1700000004123"});
}

TEST(Expiries, ATargetThatPermitsNoScriptIsNotAskedAgain) {
  Expiries expiries(true, false);
  expiries.take({Reply::status("OK"), Reply::error("NOPERM this user has no permissions to run 'eval'")});
  std::vector<Command> commands;
  expiries.ask({"a"}, commands);
  EXPECT_TRUE(commands.empty());
}

TEST(Expiries, InfoTellsWhetherAnyKeyExpires) {
  EXPECT_TRUE(some_expire(Reply::string("# Keyspace\r\ndb0:keys=9,expires=1,avg_ttl=7\r\n")));
  EXPECT_FALSE(some_expire(Reply::string("# Keyspace\r\ndb0:keys=9,expires=0,avg_ttl=0\r\n")));
  EXPECT_FALSE(some_expire(Reply::string("# Keyspace\r\n")));
}

}  // namespace
}  // namespace rebalance
