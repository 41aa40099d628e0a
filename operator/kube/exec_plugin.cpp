#include "kube/exec_plugin.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <ctime>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "kube/child_process.h"

namespace rebalance {
namespace {

using Json = nlohmann::json;
using WallTime = std::chrono::system_clock::time_point;

constexpr std::string_view kGroup = "client.authentication.k8s.io/";
constexpr std::chrono::seconds kBeforeItExpires{10};

std::unexpected<Error> refusal(const ExecPlugin& plugin, const std::string& sentence) {
  return error(ErrorCode::kRefused,
               fmt::format("{}: the exec plugin {} {}", plugin.origin, plugin.command, sentence));
}

std::string text_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// RFC 3339: "2026-01-31T12:00:00Z", with a fraction or an offset.
std::optional<WallTime> read_time(const std::string& text) {
  std::tm parts{};
  const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) return std::nullopt;
  if (*rest == '.') {
    do ++rest;
    while (std::isdigit(static_cast<unsigned char>(*rest)) != 0);
  }
  std::tm zone{};
  const char* const end = strptime(rest, "%z", &zone);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return std::chrono::system_clock::from_time_t(timegm(&parts) - zone.tm_gmtoff);
}

// Runs the program when there is no answer, or it expired or was refused.
class ExecCredentials : public CredentialSource {
 public:
  explicit ExecCredentials(ExecPlugin plugin) : plugin_(std::move(plugin)) {}

  Result<Credentials> get(std::stop_token stop) override {
    const std::scoped_lock lock(mutex_);
    if (cached_ && !expired(*cached_)) return cached_->credentials;
    cached_.reset();
    TRY(answer, ask(stop));
    cached_ = answer;
    return answer.credentials;
  }

  void refused() override {
    const std::scoped_lock lock(mutex_);
    cached_.reset();
  }

 private:
  static bool expired(const ExecAnswer& answer) {
    return answer.expires && std::chrono::system_clock::now() > *answer.expires - kBeforeItExpires;
  }

  Result<ExecAnswer> ask(const std::stop_token& stop) const {
    TRY(info, exec_info(plugin_));
    ChildCommand command{
        .arguments = plugin_.arguments, .environment = plugin_.environment, .limit = plugin_.limit};
    command.arguments.insert(command.arguments.begin(), plugin_.command);
    command.environment.emplace_back("KUBERNETES_EXEC_INFO", info);
    const auto output = run_child(command, stop);
    if (!output) {
      const bool absent = output.error().code == ErrorCode::kUnavailable;
      const auto hint = absent && !plugin_.install_hint.empty() ? ". " + plugin_.install_hint : std::string();
      return error(absent ? ErrorCode::kRefused : output.error().code,
                   fmt::format("{}: the exec plugin {}{}", plugin_.origin, output.error().message, hint));
    }
    if (output->exit_code != 0) {
      return refusal(plugin_,
                     fmt::format("ended with {}: what it said stands before this line", output->exit_code));
    }
    return parse_exec_answer(output->text, plugin_);
  }

  const ExecPlugin plugin_;
  std::mutex mutex_;  // also while the program runs: callers want the same answer
  std::optional<ExecAnswer> cached_;
};

}  // namespace

Result<std::string> exec_info(const ExecPlugin& plugin) {
  Json spec{{"interactive", false}};
  if (plugin.cluster) {
    TRY(ca, plugin.cluster->ca.read("the cluster's CA"));
    spec["cluster"] = {{"server", plugin.cluster->server}, {"certificate-authority-data", to_base64(ca)}};
    if (!plugin.cluster->server_name.empty())
      spec["cluster"]["tls-server-name"] = plugin.cluster->server_name;
  }
  const Json info{{"kind", "ExecCredential"}, {"apiVersion", plugin.api_version}, {"spec", spec}};
  return info.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<ExecAnswer> parse_exec_answer(const std::string& json, const ExecPlugin& plugin) {
  const auto object = Json::parse(json, nullptr, false);
  if (!object.is_object() || text_at(object, "kind") != "ExecCredential") {
    return refusal(plugin, "does not answer with an ExecCredential in JSON");
  }
  if (const auto version = text_at(object, "apiVersion"); version != plugin.api_version) {
    return refusal(plugin, fmt::format("answers for another apiVersion than {}: make both the same",
                                       plugin.api_version));
  }
  const auto status = object.find("status");
  if (status == object.end() || !status->is_object()) return refusal(plugin, "answers without a status");
  ExecAnswer answer;
  answer.credentials = {text_at(*status, "token"), text_at(*status, "clientCertificateData"),
                        text_at(*status, "clientKeyData")};
  const auto& [token, certificate, key] = answer.credentials;
  if (token.empty() && certificate.empty()) return refusal(plugin, "gives neither a token nor a certificate");
  if (certificate.empty() != key.empty())
    return refusal(plugin, "gives a certificate without its key, or a key alone");
  if (token.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
    return refusal(plugin, "gives a token that is not one line");
  if (const auto expires = text_at(*status, "expirationTimestamp"); !expires.empty()) {
    answer.expires = read_time(expires);
    if (!answer.expires) return refusal(plugin, "gives an expirationTimestamp that is no time of RFC 3339");
  }
  return answer;
}

Result<std::shared_ptr<CredentialSource>> exec_credentials(ExecPlugin plugin) {
  const auto at = [&](const std::string& sentence) { return invalid_input(plugin.origin + ": " + sentence); };
  const auto version = plugin.api_version;
  if (version != std::string(kGroup) + "v1" && version != std::string(kGroup) + "v1beta1") {
    return at(
        fmt::format("the exec plugin's apiVersion is \"{}\": {}v1 and v1beta1 are known", version, kGroup));
  }
  if (plugin.command.empty()) return at("the exec plugin names no command");
  if (plugin.interactive_mode == "Always") {
    return at(
        fmt::format("the exec plugin {} must have a terminal (interactiveMode Always): none is given to it",
                    plugin.command));
  }
  return std::make_shared<ExecCredentials>(std::move(plugin));
}

}  // namespace rebalance
