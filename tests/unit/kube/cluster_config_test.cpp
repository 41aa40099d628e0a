#include "kube/cluster_config.h"

#include <gmock/gmock.h>

#include <map>

#include "kube/server_url.h"
#include "temp_files.h"

namespace rebalance {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Environment with(std::map<std::string, std::string> variables) {
  return [variables](const std::string& name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string() : found->second;
  };
}

constexpr auto kConfig = R"(
apiVersion: v1
kind: Config
current-context: prod
clusters:
- name: east
  cluster: {server: "https://api.example:6443/k8s/c-1/", certificate-authority: pki/ca.crt, tls-server-name: kubernetes}
users:
- name: robot
  user: {token: 12345}
contexts:
- name: prod
  context: {cluster: east, user: robot, namespace: shop}
)";

class KubeconfigTest : public TempFilesTest {
 protected:
  Result<ClusterConfig> read(const std::string& text, const std::string& context = {}) {
    return read_kubeconfig({write("config", text)}, context);
  }
  std::string refusal(const std::string& text, const std::string& context = {}) {
    const auto config = read(text, context);
    return config ? "accepted" : config.error().message;
  }
  static std::string replaced(std::string text, const std::string& what, const std::string& with) {
    const auto at = text.find(what);
    EXPECT_NE(at, std::string::npos) << what;
    return text.replace(at, what.size(), with);
  }
  // The configuration above with another user or cluster.
  static std::string with_user(const std::string& user) { return replaced(kConfig, "{token: 12345}", user); }
  static std::string with_cluster(const std::string& cluster) {
    const std::string text = kConfig;
    const auto begin = text.find("{server");
    return replaced(text, text.substr(begin, text.find('\n', begin) - begin), cluster);
  }
};

TEST_F(KubeconfigTest, NamesServerPathNamespaceAndFilesBesideIt) {
  const auto config = read(kConfig).value();
  EXPECT_EQ(config.host, "api.example");
  EXPECT_EQ(config.port, 6443);
  EXPECT_EQ(config.base_path, "/k8s/c-1");
  EXPECT_EQ(config.server_name, "kubernetes");
  EXPECT_EQ(config.ca.file, path("pki/ca.crt"));
  EXPECT_EQ(config.name_space, "shop");
  EXPECT_EQ(config.origin, "context prod of " + path("config"));
  EXPECT_EQ(config.credentials->get({}).value().token, "12345");  // a number is a token all the same
}

TEST_F(KubeconfigTest, TakesTheDataBeforeTheFile) {
  const auto config = read(with_cluster("{server: https://h, certificate-authority-data: Q0E=, "
                                        "certificate-authority: x}"))
                          .value();
  EXPECT_EQ(config.ca.read("the CA").value(), "CA");
  EXPECT_TRUE(config.ca.file.empty());
}

TEST_F(KubeconfigTest, TakesACertificateAndItsKeyAsDataOrAsFiles) {
  write("me.crt", "certificate\n");
  const auto config = read(with_user("{client-certificate: me.crt, client-key-data: a2V5}")).value();
  const auto credentials = config.credentials->get({}).value();
  EXPECT_EQ(credentials.certificate, "certificate\n");
  EXPECT_EQ(credentials.key, "key");
}

TEST_F(KubeconfigTest, TakesTheTokenFileBeforeTheTokenAndReadsItAgainOnceRefused) {
  write("token", "first\n");
  const auto config = read(with_user("{token: x, tokenFile: token}")).value();
  EXPECT_EQ(config.credentials->get({}).value().token, "first");
  write("token", " second \n");
  EXPECT_EQ(config.credentials->get({}).value().token, "first");  // read each minute
  config.credentials->refused();
  EXPECT_EQ(config.credentials->get({}).value().token, "second");
}

TEST_F(KubeconfigTest, RefusesATokenFileThatIsEmptyOrHasTwoLines) {
  write("token", "");
  const auto config = read(with_user("{tokenFile: token}")).value();
  EXPECT_THAT(config.credentials->get({}).error().message, HasSubstr("token is empty"));
  write("token", "a\nb");
  EXPECT_THAT(config.credentials->get({}).error().message, HasSubstr("must be one line"));
}

TEST_F(KubeconfigTest, MergesSeveralFilesAndTheFirstDefinitionHolds) {
  const auto first = write("a/config", "users: [{name: robot, user: {token: first}}]\n");
  const auto second = write("b/config", kConfig);
  const auto config = read_kubeconfig({first, path("none"), second}, "").value();
  EXPECT_EQ(config.credentials->get({}).value().token, "first");
  EXPECT_EQ(config.ca.file, path("b/pki/ca.crt"));
}

TEST_F(KubeconfigTest, SaysWhatIsMissing) {
  EXPECT_THAT(refusal(kConfig, "dev"), HasSubstr("there is no context \"dev\"; there are: prod"));
  EXPECT_THAT(refusal("contexts: []\n"), HasSubstr("no current-context: name one with --context"));
  EXPECT_THAT(refusal(replaced(kConfig, "name: east", "name: west")),
              HasSubstr("no cluster \"east\"; there are: west"));
  EXPECT_THAT(refusal(replaced(kConfig, "name: robot", "name: anne")), HasSubstr("no user \"robot\""));
  EXPECT_THAT(refusal(with_user("{}")), HasSubstr("no credentials: a token"));
  EXPECT_THAT(refusal(with_user("{client-certificate: a}")), HasSubstr("without client-key"));
  EXPECT_THAT(refusal(with_user("{client-key: a}")), HasSubstr("without client-certificate"));
  EXPECT_THAT(refusal(with_cluster("{server: https://h}")), HasSubstr("the CA of the API server is needed"));
  EXPECT_THAT(refusal(with_cluster("{certificate-authority: x}")), HasSubstr("the cluster names no server"));
  EXPECT_THAT(refusal(with_cluster("{server: https://h, certificate-authority-data: '*'}")),
              HasSubstr("certificate-authority-data is not base64"));
  EXPECT_THAT(read_kubeconfig({path("none")}, "").error().message,
              HasSubstr("none cannot be read: No such file"));
  EXPECT_THAT(refusal("a: [\n"), HasSubstr("not valid YAML"));
}

TEST_F(KubeconfigTest, NamesTheLineOfWhatItRefuses) {
  EXPECT_THAT(refusal(with_user("{auth-provider: {name: gcp}}")),
              HasSubstr("config:10: auth-provider is not supported"));
}

TEST_F(KubeconfigTest, RefusesWhatWouldGuardLessOrElseThanItSays) {
  EXPECT_THAT(refusal(with_cluster("{server: https://h, insecure-skip-tls-verify: true}")),
              HasSubstr("insecure-skip-tls-verify is not supported: the server is always verified"));
  EXPECT_EQ(
      refusal(with_cluster("{server: https://h, insecure-skip-tls-verify: false, certificate-authority: x}")),
      "accepted");
  EXPECT_THAT(refusal(with_cluster("{server: http://h, certificate-authority: x}")), HasSubstr("only TLS"));
  EXPECT_THAT(refusal(with_cluster("{server: https://h, proxy-url: http://p}")),
              HasSubstr("without a proxy"));
  EXPECT_THAT(refusal(with_user("{token: t, as: root}")), HasSubstr("impersonation"));
  EXPECT_THAT(refusal(with_user("{token: t, as-groups: [a]}")), HasSubstr("impersonation"));
  EXPECT_THAT(refusal(with_user("{username: u, password: hunter2}")), Not(HasSubstr("hunter2")));
}

TEST_F(KubeconfigTest, RefusesPluginsThatItCannotRun) {
  EXPECT_THAT(refusal(with_user("{exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: x}}")),
              HasSubstr("v1 and v1beta1 are known"));
  EXPECT_THAT(refusal(with_user("{exec: {apiVersion: client.authentication.k8s.io/v1}}")),
              HasSubstr("names no command"));
  EXPECT_THAT(refusal(with_user("{exec: {apiVersion: client.authentication.k8s.io/v1, command: x, "
                                "interactiveMode: Always}}")),
              HasSubstr("must have a terminal"));
}

class ClusterSearchTest : public TempFilesTest {
 protected:
  std::string config_named(const std::string& file, const std::string& context) {
    return write(file, FormatContext(context));
  }
  static std::string FormatContext(const std::string& context) {
    std::string text = kConfig;
    for (auto at = text.find("prod"); at != std::string::npos; at = text.find("prod"))
      text.replace(at, 4, context);
    return text;
  }
  std::string origin(const std::string& kubeconfig, const std::map<std::string, std::string>& variables) {
    const auto config = find_cluster_config(kubeconfig, "", with(variables));
    return config ? config->origin : config.error().message;
  }
};

TEST_F(ClusterSearchTest, GoesFromTheOptionToTheVariableToThePodToTheHomeFolder) {
  const auto option = config_named("option", "one");
  const auto variable = config_named("variable", "two");
  config_named(".kube/config", "three");
  const std::map<std::string, std::string> home{{"HOME", folder_.string()}};
  auto in_pod = home;
  in_pod["KUBERNETES_SERVICE_HOST"] = "10.0.0.1";
  auto with_list = in_pod;
  with_list["KUBECONFIG"] = path("none") + ":" + variable;
  EXPECT_THAT(origin(option, with_list), HasSubstr("context one"));
  EXPECT_THAT(origin("", with_list), HasSubstr("context two"));
  EXPECT_THAT(origin("", in_pod), HasSubstr("KUBERNETES_SERVICE_PORT is \"\""));
  EXPECT_THAT(origin("", home), HasSubstr("context three"));
  EXPECT_THAT(origin("", {}), HasSubstr("no cluster is configured"));
}

class InClusterTest : public TempFilesTest {
 protected:
  void SetUp() override {
    TempFilesTest::SetUp();
    write("token", "t0\n");
    write("ca.crt", "CA\n");
    write("namespace", "shop\n");
  }
  Result<ClusterConfig> config(const std::string& host, const std::string& port = "443") {
    return in_cluster_config(with({{"KUBERNETES_SERVICE_HOST", host}, {"KUBERNETES_SERVICE_PORT", port}}),
                             folder_.string());
  }
};

TEST_F(InClusterTest, TakesTheServiceAccountOfThePod) {
  const auto found = config("10.96.0.1").value();
  EXPECT_EQ(found.host, "10.96.0.1");
  EXPECT_EQ(found.port, 443);
  EXPECT_EQ(found.name_space, "shop");
  EXPECT_EQ(found.ca.read("the CA").value(), "CA\n");
  EXPECT_EQ(found.credentials->get({}).value().token, "t0");
}

TEST_F(InClusterTest, TakesIpv6WithAndWithoutBrackets) {
  EXPECT_EQ(config("fd00::1").value().host, "fd00::1");
  EXPECT_EQ(config("[fd00::1]").value().host, "fd00::1");
}

TEST_F(InClusterTest, SaysWhatThePodLacks) {
  EXPECT_THAT(config("").error().message, HasSubstr("does not run in a pod"));
  EXPECT_THAT(config("10.0.0.1", "https").error().message, HasSubstr("KUBERNETES_SERVICE_PORT is \"https\""));
  std::filesystem::remove(path("token"));
  EXPECT_THAT(config("10.0.0.1").error().message,
              AllOf(HasSubstr("token cannot be read"), HasSubstr("automountServiceAccountToken")));
}

TEST(ServerUrl, HasAHostAPortAndAPath) {
  const auto url = parse_server_url("https://[fd00::1]:8443/a/b/").value();
  EXPECT_EQ(url.host, "fd00::1");
  EXPECT_EQ(url.port, 8443);
  EXPECT_EQ(url.path, "/a/b");
  EXPECT_EQ(parse_server_url("https://h").value().port, 443);
}

TEST(ServerUrl, RefusesWhatIsNone) {
  for (const char* bad : {"", "h:1", "http://h", "https://", "https://:443", "https://h:", "https://h:0",
                          "https://h:65536", "https://h:x", "https://fd00::1", "https://[::1",
                          "https://[::1]8443", "https://u@h", "https://h?x", "https://a b"}) {
    const auto url = parse_server_url(bad);
    ASSERT_FALSE(url) << bad;
    EXPECT_EQ(url.error().code, ErrorCode::kInvalidInput);
  }
}

}  // namespace
}  // namespace rebalance
