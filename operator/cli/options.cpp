#include "cli/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string_view>

#include "cli/completion.h"
#include "model/slot_set.h"

namespace rebalance {
namespace {

constexpr const char* kProgram = "redis-rebalance";
constexpr int kUsageError = 2;

constexpr const char* kPlanHelp =
    R"(Shows what would be moved, in which order and what it costs, or why nothing may be; changes nothing.

Example:
  kubectl get pods -l app=redis-cluster -o yaml > pods.yaml
  redis-rebalance plan -f rebalance.yaml -f pods.yaml
  redis-rebalance plan -f rebalance.yaml -f pods.yaml --html plan.html
  redis-rebalance plan -f rebalance.yaml -f pods.yaml --save world.yaml
  redis-rebalance plan -f bigger-limits.yaml --from world.yaml)";
constexpr const char* kExplainHelp =
    R"(Says why: why a slot goes where it goes, why a pod gives what it gives or receives nothing, why it waits or
is refused, and what would change that; of files as `plan` takes them, or of a RedisRebalance by its name on an
API server. Changes nothing. Exits as `run` would in that state.

Example:
  redis-rebalance explain -f rebalance.yaml -f pods.yaml
  redis-rebalance explain -f rebalance.yaml -f pods.yaml --slot 4056
  redis-rebalance explain -f rebalance.yaml --from world.yaml --pod redis-1
  redis-rebalance explain balance --namespace shop --pod redis-1)";
constexpr const char* kRunHelp =
    R"(Rebalances: plans, waits for no one but asks for approval as the spec says, moves, verifies. Run again after
a stop or a crash, it goes on where it was.

Example:
  redis-rebalance run -f rebalance.yaml -f pods.yaml --state ./state
  redis-rebalance run -f rebalance.yaml -f pods.yaml --plan-hash 41d8c3a0b2e67f95)";
constexpr const char* kCheckHelp =
    R"(Pre-flight: what stands in the way, with evidence and remedy, and whether the cluster as it stands has the
memory to rebalance, to take over a lost primary and to persist; changes nothing.

Example:
  redis-rebalance check -f rebalance.yaml -f pods.yaml
  redis-rebalance check -f rebalance.yaml -f pods.yaml --big-keys
  redis-rebalance check -f rebalance.yaml -f pods.yaml --verify   # the gate after a move)";
constexpr const char* kOperatorHelp =
    R"(Runs in a cluster: watches RedisRebalances and does what they ask for. The chart starts it so.

Example:
  redis-rebalance operator --leader-elect
  redis-rebalance operator --kubeconfig ~/.kube/config --namespaces shop --metrics-address 127.0.0.1:8080)";
constexpr const char* kGetHelp =
    R"(Shows the RedisRebalances of a namespace, or one of them with its plan, nodes and failures.

Example:
  redis-rebalance get --all-namespaces
  redis-rebalance get balance --namespace shop)";
constexpr const char* kWatchHelp =
    R"(Tells each change of a RedisRebalance until it has ended, then exits as `run` would.

Example:
  redis-rebalance watch balance --namespace shop)";
constexpr const char* kApproveHelp =
    R"(Approves the plan that waits, or none but the one with this hash.

Example:
  redis-rebalance approve balance --namespace shop --plan-hash 41d8c3a0b2e67f95)";
constexpr const char* kPauseHelp =
    R"(Stops at the next safe point, within seconds, and holds.

Example:
  redis-rebalance pause balance --namespace shop)";
constexpr const char* kResumeHelp =
    R"(Goes on with what was paused.

Example:
  redis-rebalance resume balance --namespace shop)";
constexpr const char* kCancelHelp =
    R"(Stops at the next safe point for good; what was moved stays.

Example:
  redis-rebalance cancel balance --namespace shop)";
constexpr const char* kRollBackHelp =
    R"(Takes every slot back to where it was before the first one moved.

Example:
  redis-rebalance rollback balance --namespace shop)";
constexpr const char* kVersionHelp = "Prints the version.\n\nExample:\n  redis-rebalance version";
constexpr const char* kCompletionHelp = R"(Prints a completion script.

Example:
  source <(redis-rebalance completion bash)
  redis-rebalance completion zsh > ~/.zfunc/_redis-rebalance)";
constexpr const char* kFooter =
    R"(Exit codes: 0 done or nothing to do, 1 a bug, 2 usage or invalid input, 3 refused, 4 failed while moving,
5 stopped on request, 6 waiting for approval.)";

CLI::Validator one_of(const std::vector<std::string>& choices) {
  return {[choices](const std::string& text) {
            if (std::ranges::find(choices, text) != choices.end()) return std::string();
            return "\"" + text + "\" is none of " + CLI::detail::join(choices, ", ");
          },
          "", "choice"};
}

Output output_named(const std::string& name) {
  return name == "json" ? Output::kJson : name == "yaml" ? Output::kYaml : Output::kText;
}

std::string plan_hash_problem(const std::string& text) {
  const bool good = text.size() == 16 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
  return good ? "" : "a plan hash is 16 hex digits, as `plan` prints it";
}

// CLI11 with its values beside it; `options` is written while parsing.
struct Grammar {
  Options options;
  CLI::App app{"Rebalances Redis Cluster and Valkey without pushing a pod over its memory limit.", kProgram};

  Grammar() {
    app.require_subcommand(1);
    app.footer(kFooter);
    app.add_flag("-v,--verbose", options.verbose, "say on standard error what is done");
    app.fallthrough();
    plan(command(Command::kPlan, "plan", "Show what would be moved", kPlanHelp));
    explain(command(Command::kExplain, "explain", "Say why it moves, waits or refuses", kExplainHelp));
    run(command(Command::kRun, "run", "Rebalance", kRunHelp));
    check(command(Command::kCheck, "check", "Look for what stands in the way", kCheckHelp));
    in_cluster(
        command(Command::kOperator, "operator", "Watch RedisRebalances on an API server", kOperatorHelp));
    get(command(Command::kGet, "get", "Show RedisRebalances of an API server", kGetHelp));
    one(command(Command::kWatch, "watch", "Follow a RedisRebalance to its end", kWatchHelp));
    auto* approving = command(Command::kApprove, "approve", "Approve the plan that waits", kApproveHelp);
    one(approving);
    plan_hash(approving);
    one(command(Command::kPause, "pause", "Hold a RedisRebalance", kPauseHelp));
    one(command(Command::kResume, "resume", "Go on with one that is paused", kResumeHelp));
    one(command(Command::kCancel, "cancel", "End a RedisRebalance where it is", kCancelHelp));
    one(command(Command::kRollBack, "rollback", "Take its slots back", kRollBackHelp));
    command(Command::kVersion, "version", "Print the version", kVersionHelp);
    completion(command(Command::kCompletion, "completion", "Print a completion script", kCompletionHelp));
  }

 private:
  CLI::App* command(Command which, const char* name, const char* line, const char* help) {
    auto* made = app.add_subcommand(name, line);
    made->footer(std::string(help));
    made->callback([this, which] { options.command = which; });
    return made;
  }

  static CLI::Option* repeatable(CLI::Option* option) {
    return option->expected(1)->allow_extra_args(false)->take_all();
  }

  void files(CLI::App* to) {
    repeatable(to->add_option("-f,--filename", options.files,
                              "a file, a folder or - of Kubernetes YAML or JSON; repeatable"))
        ->type_name("FILE");
  }

  void output(CLI::App* to, const std::vector<std::string>& formats) {
    to->add_option_function<std::string>(
          "-o,--output", [this](const std::string& name) { options.output = output_named(name); },
          "how the answer is written")
        ->check(one_of(formats))
        ->type_name(CLI::detail::join(formats, "|"));
  }

  void state(CLI::App* to) {
    to->add_option("--state", options.state, "keep here what must outlive a run: plan, attempts, journal")
        ->type_name("DIR");
  }

  void plan(CLI::App* to) {
    files(to);
    output(to, {"table", "json", "yaml"});
    to->add_option("--save", options.save, "keep what was observed in this file")->type_name("FILE");
    to->add_option("--html", options.html, "write a report for a browser into this file as well")
        ->type_name("FILE");
    from(to);
    state(to);
  }

  void from(CLI::App* to) {
    to->add_option("--from", options.from, "plan on what --save kept instead of on servers")
        ->type_name("FILE");
  }

  void explain(CLI::App* to) {
    to->add_option("name", options.name, "of a RedisRebalance on an API server")->type_name("NAME");
    files(to);
    output(to, {"text", "json", "yaml"});
    from(to);
    auto* slot = to->add_option("--slot", options.slot, "why this slot goes there, or stays")
                     ->type_name("SLOT")
                     ->check(CLI::Range(0, kSlotCount - 1));
    to->add_option("--pod", options.pod, "why this pod gives or receives what it does")
        ->type_name("POD")
        ->excludes(slot);
    name_space(to);
  }

  void run(CLI::App* to) {
    files(to);
    output(to, {"text", "json"});
    plan_hash(to);
    state(to);
    cold_keys(to);
    to->add_flag("--observe", options.observe, "stay for spec.observeSeconds after the verification");
    to->add_option("--wait", options.wait_seconds, "how long to wait for another executor's claim")
        ->type_name("SECONDS")
        ->check(CLI::Range(0, 86400));
  }

  void cold_keys(CLI::App* to) {
    to->add_flag("--allow-cold-key-deletion", options.allow_cold_key_deletion,
                 "let a RedisRebalance delete keys that nobody used for long (coldKeys.action Delete)");
  }

  void plan_hash(CLI::App* to) {
    to->add_option("--plan-hash", options.plan_hash, "approve the plan with this hash")
        ->type_name("HASH")
        ->check(CLI::Validator(plan_hash_problem, "", "hash"));
  }

  void check(CLI::App* to) {
    files(to);
    output(to, {"table", "json", "yaml"});
    to->add_flag("--big-keys", options.big_keys,
                 "list every key over bigKeys.thresholdBytes in slots that would move");
    to->add_flag("--verify", options.verify, "the gate after a move: covered, closed, agreed, goal reached");
  }

  void api_server(CLI::App* to) {
    to->add_option("--kubeconfig", options.kubeconfig,
                   "how to reach the API server; in a pod its service account")
        ->type_name("FILE");
    to->add_option("--context", options.context, "of the kubeconfig; its current one when none is named")
        ->type_name("NAME");
  }

  void name_space(CLI::App* to) {
    api_server(to);
    to->add_option("-n,--namespace", options.name_space,
                   "of the RedisRebalance; the context's when none is named")
        ->type_name("NAMESPACE");
  }

  void one(CLI::App* to) {
    to->add_option("name", options.name, "of the RedisRebalance")->required()->type_name("NAME");
    name_space(to);
  }

  void get(CLI::App* to) {
    to->add_option("name", options.name, "of one RedisRebalance")->type_name("NAME");
    name_space(to);
    to->add_flag("-A,--all-namespaces", options.all_name_spaces, "of all namespaces");
  }

  void in_cluster(CLI::App* to) {
    repeatable(to->add_option("--namespaces", options.name_spaces,
                              "watch this one; repeatable, or with commas between; all when none is named"))
        ->type_name("NAMESPACE")
        ->delimiter(',');
    api_server(to);
    to->add_option("--own-namespace", options.own_name_space,
                   "of the operator's own lease and of the hold; in a pod the pod's")
        ->type_name("NAMESPACE");
    to->add_flag("--leader-elect", options.leader_elect, "work only while holding the lease of all replicas");
    to->add_option("--workers", options.workers, "reconcile so many at once")
        ->type_name("NUMBER")
        ->check(CLI::Range(1, 64));
    to->add_option("--max-clusters", options.most_clusters, "move slots in so many clusters at once")
        ->type_name("NUMBER")
        ->check(CLI::Range(1, 64));
    cold_keys(to);
    to->add_option("--metrics-address", options.metrics_address,
                   "of /healthz, /readyz and /metrics: HOST:PORT; empty: none")
        ->type_name("ADDRESS");
    to->add_option_function<std::string>(
          "--log-format", [this](const std::string& name) { options.json_log = name == "json"; },
          "of the lines on standard error")
        ->check(one_of({"text", "json"}))
        ->type_name("text|json");
  }

  void completion(CLI::App* to) {
    to->add_option("shell", options.shell, "bash or zsh")->required()->check(one_of({"bash", "zsh"}));
  }
};

Parsed usage_error(const std::string& problem, const CLI::App& app) {
  std::string command = kProgram;
  for (const auto* used : app.get_subcommands()) command += " " + used->get_name();
  return {std::nullopt, std::string(kProgram) + ": " + problem + "; see " + command + " --help\n",
          kUsageError};
}

// CLI11 only says that a command is missing.
std::string missing_command(int argc, const char* const* argv, const CLI::App& app) {
  for (int i = 1; i < argc; ++i) {
    if (!std::string_view(argv[i]).starts_with("-"))
      return "there is no command \"" + std::string(argv[i]) + "\"";
  }
  std::vector<std::string> names;
  for (const auto* command : app.get_subcommands({})) names.push_back(command->get_name());
  const auto last = names.back();
  names.pop_back();
  return "name a command: " + CLI::detail::join(names, ", ") + " or " + last;
}

// What CLI11 cannot say in a grammar; empty: all is well.
std::string contradiction(const Options& options) {
  const bool explains = options.command == Command::kExplain, named = explains && !options.name.empty();
  if (named && (!options.files.empty() || !options.from.empty()))
    return "a name asks an API server, -f and --from ask none: use one of them";
  const bool reads = options.command == Command::kPlan || options.command == Command::kRun ||
                     options.command == Command::kCheck || (explains && !named);
  if (reads && options.files.empty()) {
    return "no -f: name the file or folder with the RedisRebalance and the Pods (- reads standard input)";
  }
  if (!options.from.empty() && !options.save.empty())
    return "--save keeps what servers say, --from asks none: use one of them";
  if (options.all_name_spaces && !options.name.empty())
    return "a name means one namespace: leave --all-namespaces out";
  if (options.big_keys && options.verify) return "--big-keys looks ahead, --verify back: use one of them";
  return "";
}

OptionShape shape_of(const CLI::Option& option) {
  OptionShape shape;
  for (const auto& name : option.get_snames()) shape.names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) shape.names.push_back("--" + name);
  shape.description = option.get_description();
  shape.repeatable = option.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
  const auto type = option.get_type_name();
  if (type.empty() || option.get_items_expected_max() == 0) return shape;
  shape.takes = type == "FILE" ? Takes::kFile : type == "DIR" ? Takes::kFolder : Takes::kText;
  if (type.find('|') == std::string::npos) return shape;
  shape.takes = Takes::kChoice;
  shape.choices = CLI::detail::split(type, '|');
  return shape;
}

std::vector<CommandShape> shapes_of(const CLI::App& app) {
  std::vector<CommandShape> shapes;
  for (const auto* command : app.get_subcommands({})) {
    CommandShape shape{command->get_name(), command->get_description(), {}, {}};
    for (const auto* option : command->get_options()) {
      if (!option->get_positional()) shape.options.push_back(shape_of(*option));
    }
    if (shape.name == "completion") shape.words = {"bash", "zsh"};
    shapes.push_back(std::move(shape));
  }
  return shapes;
}

}  // namespace

Parsed parse_options(int argc, const char* const* argv) {
  Grammar grammar;
  try {
    grammar.app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return {std::nullopt, grammar.app.help(), 0};
  } catch (const CLI::Error& problem) {
    const bool none = grammar.app.get_subcommands().empty();
    return usage_error(none ? missing_command(argc, argv, grammar.app) : problem.what(), grammar.app);
  }
  if (auto problem = contradiction(grammar.options); !problem.empty()) {
    return {std::nullopt, std::string(kProgram) + ": " + problem + "\n", kUsageError};
  }
  return {std::move(grammar.options), "", 0};
}

std::string completion_script(const std::string& shell) {
  const Grammar grammar;
  const auto shapes = shapes_of(grammar.app);
  return shell == "zsh" ? zsh_completion(kProgram, shapes) : bash_completion(kProgram, shapes);
}

}  // namespace rebalance
