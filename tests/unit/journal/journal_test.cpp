#include "journal/journal.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "journal/state_folder.h"

namespace rebalance {
namespace {

class State : public testing::Test {
 protected:
  State() {
    char name[] = "/tmp/journal_test_XXXXXX";
    base = mkdtemp(name);
    path = base / "state";
  }
  ~State() override { std::filesystem::remove_all(base); }

  std::unique_ptr<StateFolder> open_folder() {
    auto folder = StateFolder::open(path.string());
    EXPECT_TRUE(folder) << folder.error().message;
    return std::move(*folder);
  }
  static MoveIntent intent(const char* slots, const char* target = "b") {
    return {Engine::kKeyByKey, "a", target, "life-a", "life-b", SlotSet::parse(slots).value()};
  }

  std::filesystem::path base, path;
};

TEST_F(State, TheFolderIsPrivateAndMadeWithItsParents) {
  path = base / "deep" / "state";
  open_folder();
  struct stat facts{};
  ASSERT_EQ(stat(path.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0700u);
}

TEST_F(State, ASecondProcessHearsWhoHoldsTheFolder) {
  const auto folder = open_folder();
  const auto second = StateFolder::open(path.string());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kConflict);
  EXPECT_NE(second.error().message.find("process " + std::to_string(getpid())), std::string::npos);
}

TEST_F(State, TheFolderIsFreeAgainAfterItsHolder) {
  open_folder();
  EXPECT_TRUE(StateFolder::open(path.string()));
}

TEST_F(State, AFolderThatCannotBeMadeIsSaid) {
  std::ofstream(base / "file") << "x";
  const auto folder = StateFolder::open((base / "file").string());
  ASSERT_FALSE(folder);
  EXPECT_NE(folder.error().message.find("file"), std::string::npos);
}

TEST_F(State, DocumentsComeBackAsTheyWerePut) {
  const auto folder = open_folder();
  const std::string text("any\0byte\n", 9);
  ASSERT_TRUE(folder->put("plan.json", text));
  EXPECT_EQ(folder->get("plan.json").value(), text);
  ASSERT_TRUE(folder->remove("plan.json"));
  EXPECT_FALSE(folder->get("plan.json").value());
}

TEST_F(State, NamesThatLeaveTheFolderAreRefused) {
  const auto folder = open_folder();
  for (const char* name : {"", "../x", "a/b", ".hidden", "lock"})
    EXPECT_FALSE(folder->put(name, "x")) << name;
}

TEST_F(State, IntentsOutliveTheProcess) {
  const auto folder = open_folder();
  {
    auto journal = Journal::open(*folder).value();
    ASSERT_TRUE(journal->open(intent("0-63")));
    ASSERT_TRUE(journal->open(intent("100-163", "c")));
  }
  const auto again = Journal::open(*folder).value()->intents();
  EXPECT_EQ(again, (std::vector{intent("0-63"), intent("100-163", "c")}));
}

TEST_F(State, ClosedSlotsAreForgottenTheOthersKept) {
  const auto folder = open_folder();
  auto journal = Journal::open(*folder).value();
  ASSERT_TRUE(journal->open(intent("0-63")));
  ASSERT_TRUE(journal->close("a", "b", SlotSet::parse("0-61").value()));
  ASSERT_TRUE(journal->close("a", "c", SlotSet::parse("62").value()));  // another pair's
  journal.reset();
  EXPECT_EQ(Journal::open(*folder).value()->intents(), std::vector{intent("62-63")});
}

TEST_F(State, WhatBeginsIsDurableAtOnceAndWrittenOnce) {
  const auto folder = open_folder();
  auto journal = Journal::open(*folder).value();
  ASSERT_TRUE(journal->open(intent("0-63")));
  ASSERT_TRUE(journal->open(intent("64-70")));
  ASSERT_TRUE(journal->open(intent("0-63", "c")));
  ASSERT_TRUE(journal->begin("a", "b", SlotSet::parse("5-6").value()));
  auto begun = intent("0-63");
  begun.begun = true;
  const std::vector all{begun, intent("64-70"), intent("0-63", "c")};
  EXPECT_EQ(Journal::open(*folder).value()->intents(), all);
  ASSERT_TRUE(folder->remove("intents.json"));
  ASSERT_TRUE(journal->begin("a", "b", SlotSet::parse("60").value()));
  EXPECT_FALSE(folder->get("intents.json").value());
}

// An earlier version did not say so.
TEST_F(State, AnIntentThatDoesNotSayWhetherItBeganHas) {
  const auto folder = open_folder();
  ASSERT_TRUE(Journal::open(*folder).value()->open(intent("0-63")));
  auto text = folder->get("intents.json").value().value();
  const std::string begun = "\"begun\": false,";
  ASSERT_NE(text.find(begun), std::string::npos);
  text.erase(text.find(begun), begun.size());
  ASSERT_TRUE(folder->put("intents.json", text));
  EXPECT_TRUE(Journal::open(*folder).value()->intents().front().begun);
}

TEST_F(State, TheLastCloseIsDurableAtOnce) {
  const auto folder = open_folder();
  auto journal = Journal::open(*folder).value();
  ASSERT_TRUE(journal->open(intent("5")));
  ASSERT_TRUE(journal->close("a", "b", SlotSet::parse("5").value()));
  EXPECT_TRUE(Journal::open(*folder).value()->intents().empty());
}

TEST_F(State, ATornOrStrangeJournalIsAnErrorAndNeverIgnored) {
  const auto folder = open_folder();
  {
    auto journal = Journal::open(*folder).value();
    ASSERT_TRUE(journal->open(intent("0-63")));
  }
  const auto whole = folder->get("intents.json").value().value();
  for (const auto& text : {whole.substr(0, whole.size() / 2), std::string(), std::string("{}"),
                           std::string("{\"format\":2,\"intents\":[]}"),
                           std::string("{\"format\":1,\"intents\":[{\"engine\":\"Magic\"}]}")}) {
    ASSERT_TRUE(folder->put("intents.json", text));
    const auto journal = Journal::open(*folder);
    ASSERT_FALSE(journal) << text;
    EXPECT_NE(journal.error().message.find("intents.json"), std::string::npos);
  }
}

TEST_F(State, AFullDiskIsAnErrorAndTheIntentIsNotOpen) {
  const auto folder = open_folder();
  auto journal = Journal::open(*folder).value();
  ASSERT_TRUE(journal->open(intent("1")));
  // A folder in the way of the new file fails every write, for root as well.
  std::filesystem::create_directory(path / ".intents.json.new");
  EXPECT_FALSE(journal->open(intent("2")));
  EXPECT_EQ(journal->intents(), std::vector{intent("1")});
  std::filesystem::remove(path / ".intents.json.new");
  EXPECT_EQ(Journal::open(*folder).value()->intents(), std::vector{intent("1")});
}

TEST_F(State, AProcessKilledAtAnyInstantLeavesAWholeJournal) {
  for (int round = 0; round < 10; ++round) {
    const pid_t writer = fork();
    if (writer == 0) {
      auto folder = StateFolder::open(path.string());
      auto journal = folder ? Journal::open(**folder)
                            : Result<std::unique_ptr<Journal>>(std::unexpected(folder.error()));
      for (int slot = 0; journal; slot = (slot + 1) % 1000) {
        (void)(*journal)->open(intent(std::to_string(slot).c_str()));
        (void)(*journal)->close("a", "b", SlotSet::parse(std::to_string(slot)).value());
      }
      _exit(1);
    }
    while (!std::filesystem::exists(path / "intents.json")) usleep(1000);
    usleep(static_cast<useconds_t>(3000 + round * 1700));
    kill(writer, SIGKILL);
    int state = 0;
    waitpid(writer, &state, 0);
    ASSERT_TRUE(WIFSIGNALED(state));
    const auto folder = open_folder();
    const auto journal = Journal::open(*folder);
    ASSERT_TRUE(journal) << journal.error().message;
    EXPECT_LE((*journal)->intents().size(), 1u);
    (void)folder->remove("intents.json");
  }
}

}  // namespace
}  // namespace rebalance
