// Credentials from a program, as kubeconfigs of managed clusters name one (client.authentication.k8s.io).
//
// The program gets no terminal; what it says on standard error is passed through, as kubectl does; its
// answer is read from standard output and goes nowhere else.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kube/credentials.h"

namespace rebalance {

struct ExecPlugin {
  std::string origin;       // for messages: "~/.kube/config:12"
  std::string api_version;  // client.authentication.k8s.io/v1 or /v1beta1
  std::string command;      // looked up in PATH unless it has a slash
  std::vector<std::string> arguments;
  std::vector<std::pair<std::string, std::string>> environment;  // added to our own
  std::string install_hint;                                      // shown when the command is not there
  std::string interactive_mode;                                  // Never, IfAvailable, Always

  struct Cluster {
    std::string server, server_name;
    TextSource ca;
  };
  std::optional<Cluster> cluster;  // what the program is told, where it asks for that
  Millis limit{60'000};            // then it is killed, with all that it started
};

// kInvalidInput: an apiVersion that is not known, no command, or one that must have a terminal. Answers are
// kept until they expire or are refused.
Result<std::shared_ptr<CredentialSource>> exec_credentials(ExecPlugin plugin);

// What KUBERNETES_EXEC_INFO tells the program: JSON, an ExecCredential.
Result<std::string> exec_info(const ExecPlugin& plugin);

// The answer, and how long it is good for. kRefused says what is missing in it, never what stands in it.
struct ExecAnswer {
  Credentials credentials;
  std::optional<std::chrono::system_clock::time_point> expires;
};
Result<ExecAnswer> parse_exec_answer(const std::string& json, const ExecPlugin& plugin);

}  // namespace rebalance
