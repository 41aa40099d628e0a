#include "kube/exec_plugin.h"

#include <gmock/gmock.h>

#include <future>
#include <thread>

#include "kube/child_process.h"
#include "temp_files.h"

namespace rebalance {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kV1 = "client.authentication.k8s.io/v1";

std::string answer(const std::string& status) {
  return R"({"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":)" + status +
         "}";
}

class ExecPluginTest : public TempFilesTest {
 protected:
  // A program that counts its runs and then does `script`.
  ExecPlugin plugin(const std::string& script) {
    ExecPlugin made{
        .origin = "config:7",
        .api_version = kV1,
        .command = write_program("plugin", "#!/bin/sh\necho x >> " + path("runs") + "\n" + script)};
    return made;
  }
  ExecPlugin answering(const std::string& status) {
    return plugin("cat <<'END'\n" + answer(status) + "\nEND\n");
  }
  std::size_t runs() const {
    std::error_code none;
    const auto size = std::filesystem::file_size(path("runs"), none);
    return none ? 0 : size / 2;
  }
  static std::string refusal(const ExecPlugin& plugin) {
    const auto got = exec_credentials(plugin).value()->get({});
    return got ? "accepted" : got.error().message;
  }
};

TEST_F(ExecPluginTest, GivesItsTokenUntilItIsRefused) {
  const auto source = exec_credentials(answering(R"({"token":"t1"})")).value();
  EXPECT_EQ(source->get({}).value().token, "t1");
  EXPECT_EQ(source->get({}).value().token, "t1");
  EXPECT_EQ(runs(), 1U);
  source->refused();
  EXPECT_EQ(source->get({}).value().token, "t1");
  EXPECT_EQ(runs(), 2U);
}

TEST_F(ExecPluginTest, IsAskedAgainOnceItsAnswerExpired) {
  const auto soon =
      exec_credentials(answering(R"({"token":"t","expirationTimestamp":"2020-01-01T00:00:00Z"})")).value();
  ASSERT_TRUE(soon->get({}));
  ASSERT_TRUE(soon->get({}));
  EXPECT_EQ(runs(), 2U);
  const auto late =
      exec_credentials(answering(R"({"token":"t","expirationTimestamp":"2100-01-01T00:00:00.5+02:00"})"))
          .value();
  ASSERT_TRUE(late->get({}));
  ASSERT_TRUE(late->get({}));
  EXPECT_EQ(runs(), 3U);
}

TEST_F(ExecPluginTest, GetsItsArgumentsItsEnvironmentAndTheClusterInfo) {
  auto asked = plugin("echo \"$1 $REGION $KUBERNETES_EXEC_INFO\" > " + path("seen") + "\necho '" +
                      answer(R"({"token":"t"})") + "'\n");
  asked.arguments = {"get-token"};
  asked.environment = {{"REGION", "eu-1"}};
  asked.cluster = ExecPlugin::Cluster{"https://h", "name", {"CA", ""}};
  ASSERT_TRUE(exec_credentials(asked).value()->get({}));
  std::ifstream seen(path("seen"));
  const std::string text(std::istreambuf_iterator<char>(seen), {});
  EXPECT_THAT(text, AllOf(HasSubstr("get-token eu-1 {"), HasSubstr("\"interactive\":false"),
                          HasSubstr("\"certificate-authority-data\":\"Q0E=\""),
                          HasSubstr("\"server\":\"https://h\"")));
}

TEST_F(ExecPluginTest, HasNoFileOfOursOpen) {
  const auto mine = plugin("ls /proc/self/fd | tr '\\n' ' ' > " + path("files") + "\necho '" +
                           answer(R"({"token":"t"})") + "'\n");
  std::ifstream open_one(mine.command);  // of this test, and inherited unless closed
  ASSERT_TRUE(exec_credentials(mine).value()->get({}));
  std::ifstream files(path("files"));
  const std::string text(std::istreambuf_iterator<char>(files), {});
  EXPECT_EQ(text, "0 1 2 3 ");  // 3: the folder that ls reads
}

TEST_F(ExecPluginTest, SaysWhatIsWrongAndNeverWhatTheAnswerHolds) {
  EXPECT_THAT(refusal(plugin("exit 3\n")),
              AllOf(HasSubstr("config:7: the exec plugin"), HasSubstr("ended with 3")));
  EXPECT_THAT(refusal(plugin("echo secret\n")), AllOf(HasSubstr("ExecCredential"), Not(HasSubstr("secret"))));
  EXPECT_THAT(refusal(answering("{}")), HasSubstr("neither a token nor a certificate"));
  EXPECT_THAT(refusal(answering(R"({"clientCertificateData":"secret"})")),
              AllOf(HasSubstr("without its key"), Not(HasSubstr("secret"))));
  EXPECT_THAT(refusal(answering(R"({"token":"a\nb"})")), HasSubstr("not one line"));
  EXPECT_THAT(refusal(answering(R"({"token":"t","expirationTimestamp":"tomorrow"})")), HasSubstr("RFC 3339"));
  auto other = answering(R"({"token":"t"})");
  other.api_version = "client.authentication.k8s.io/v1beta1";
  EXPECT_THAT(refusal(other), HasSubstr("answers for another apiVersion"));
}

TEST_F(ExecPluginTest, ShowsHowToInstallWhatIsNotThere) {
  ExecPlugin absent{
      .origin = "config:7", .api_version = kV1, .command = path("none"), .install_hint = "Install it."};
  EXPECT_THAT(refusal(absent), AllOf(HasSubstr("cannot be started: No such file"), HasSubstr("Install it.")));
}

TEST_F(ExecPluginTest, IsKilledAtItsLimitWithWhatItStarted) {
  auto slow = plugin("sleep 300 &\necho $! > " + path("child") + "\nwait\n");
  slow.limit = Millis(300);
  const auto got = exec_credentials(slow).value()->get({});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ErrorCode::kTimeout);
  int child = 0;
  std::ifstream(path("child")) >> child;
  ASSERT_GT(child, 0);
  const auto is_gone = [&] {
    std::ifstream status("/proc/" + std::to_string(child) + "/stat");
    std::string number, name, state;
    return !(status >> number >> name >> state) || state == "Z";
  };
  const auto end = BootClock::now() + Millis(5000);
  while (!is_gone() && BootClock::now() < end) std::this_thread::yield();
  EXPECT_TRUE(is_gone());
}

TEST_F(ExecPluginTest, IsKilledWhenTheCallerStops) {
  const auto source = exec_credentials(plugin("sleep 300\n")).value();
  std::stop_source stop;
  auto got = std::async(std::launch::async, [&] { return source->get(stop.get_token()); });
  const auto end = BootClock::now() + Millis(5000);
  while (runs() == 0 && BootClock::now() < end) std::this_thread::yield();
  stop.request_stop();
  EXPECT_EQ(got.get().error().code, ErrorCode::kStopped);
}

TEST_F(ExecPluginTest, MayNotSayMoreThanIsAllowed) {
  const ChildCommand chatty{.arguments = {"/bin/sh", "-c", "while :; do echo xxxxxxxx; done"},
                            .most_bytes = 10'000};
  EXPECT_EQ(run_child(chatty, {}).error().code, ErrorCode::kInvalidInput);
}

}  // namespace
}  // namespace rebalance
