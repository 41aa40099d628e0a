#include "control/resource_run.h"

#include <fmt/format.h>

#include "api/cluster_name.h"
#include "base/log.h"
#include "codec/json_tree.h"
#include "control/controller.h"
#include "control/kube_lease.h"
#include "control/rebalance_object.h"
#include "kube/config_map_documents.h"

namespace rebalance {
namespace {

constexpr Millis kSecretDeadline{5000};

SecretReader secrets_of(ApiClient& client, const std::string& name_space) {
  return [&client, name_space](const std::string& name) -> Result<std::map<std::string, std::string>> {
    HttpRequest request;
    request.path = api_path({"", "v1", "secrets"}, name_space, name);
    request.deadline = kSecretDeadline;
    const auto answer = client.call(request, {});
    if (!answer) return std::unexpected(answer.error().as_error());
    TRY(tree, parse_json(*answer, "secret " + name));
    TRY(secret, decode_secret(tree));
    return std::move(secret.data);
  };
}

// What cannot be read now may be later, as when a right is missing: that is waiting, where a server that
// cannot be logged in to would be a refusal.
Status check_readable(const ClusterSpec& cluster, const SecretReader& secrets) {
  std::vector<std::string> names;
  if (cluster.auth) names.push_back(cluster.auth->secret_name);
  if (cluster.tls) names.push_back(cluster.tls->secret_name);
  for (const auto& name : names) {
    if (const auto read = secrets(name); !read) return error(ErrorCode::kUnavailable, read.error().message);
  }
  return {};
}

std::string no_pods(const RedisRebalance& resource) {
  std::string labels;
  for (const auto& [key, value] : resource.spec.cluster.match_labels)
    labels += fmt::format("{}{}={}", labels.empty() ? "" : ",", key, value);
  return fmt::format("spec.cluster.podSelector {} matches no pod in namespace {}", labels,
                     resource.name_space);
}

}  // namespace

ResourceRun::ResourceRun(RunPlace place, StoredRebalance object, bool close_only, std::function<void()> ended)
    : place_(std::move(place)),
      object_(std::move(object)),
      close_only_(close_only),
      ended_(std::move(ended)) {
  thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
}

void ResourceRun::work(const std::stop_token& stop) {
  RedisRebalance resource;
  if (object_.resource) resource = *object_.resource;
  resource.name = object_.name;
  resource.name_space = object_.name_space;
  resource.uid = object_.uid;
  resource.generation = object_.generation;
  const LogFields fields({{"namespace", object_.name_space},
                          {"name", object_.name},
                          {"cluster", cluster_name(resource.spec.cluster)}});
  {
    KubeReporter reporter(place_.show, resource, object_.status, close_only_);
    auto outcome = control(reporter, stop);
    if (outcome) {
      outcome_ = *std::move(outcome);
    } else {
      const bool wrong = outcome.error().code == ErrorCode::kInvalidInput;
      outcome_ = {wrong ? State::kRefused : State::kWaiting, wrong ? "InvalidSpec" : "Unavailable",
                  !close_only_};
      outcome_.limits_raised = close_only_ && !wrong;  // or not: it could not be looked at
      reporter.say(outcome_.state, outcome_.reason, outcome.error().message);
    }
    outcome_.told = reporter.finish();
  }
  active_ = false;
  ended_();
}

// The rest of the status says how the work ended.
void ResourceRun::show_raised(const std::vector<LimitRaise>& limits) {
  HttpRequest request;
  request.method = "PATCH";
  request.path = api_path(rebalance_resource(), object_.name_space, object_.name, "status");
  request.content_type = "application/merge-patch+json";
  request.body = raised_limits_patch(object_.uid, limits);
  if (const auto shown = place_.client.call(request, {}); !shown && !shown.error().not_found())
    log_warning("the status was not written: " + shown.error().message);
}

Result<RunOutcome> ResourceRun::control(KubeReporter& reporter, const std::stop_token& stop) {
  if (!object_.resource) {
    if (close_only_) return RunOutcome{State::kRefused, "InvalidSpec", true};  // it never started anything
    return invalid_input(object_.invalid);
  }
  const RedisRebalance& resource = *object_.resource;
  ConfigMapDocuments documents(place_.client, reference_to(resource), documents_name(resource.name));
  TRY(journal, Journal::open(documents));
  TRY(limits, RaisedLimits::open(documents, place_.client));
  reporter.raised(limits->all());
  Defrag defrag(documents);
  // Notes that nobody can read are no reason to stop; ones that cannot be had now are.
  if (const auto read = defrag.recall(); !read && read.error().code != ErrorCode::kInvalidInput)
    return std::unexpected(read.error());
  const bool slots_open = !journal->intents().empty();
  if (close_only_ && !slots_open && limits->to_put_back().empty() && defrag.all_put_back())
    return RunOutcome{State::kWaiting, "Closed", true};
  TRY(pods, place_.objects.pods(resource));
  if (close_only_ && !slots_open) {
    const auto now = [&] { return pods; };
    end_defrag(defrag, Observer(now, resource.spec.cluster, secrets_of(place_.client, resource.name_space)),
               reporter);
    if (limits->to_put_back().empty()) return RunOutcome{State::kWaiting, "Closed", defrag.all_put_back()};
  }
  if (pods.empty()) return error(ErrorCode::kUnavailable, no_pods(resource));
  const auto secrets = secrets_of(place_.client, resource.name_space);
  TRY_OK(check_readable(resource.spec.cluster, secrets));
  KubeLease lease(place_.client, resource.name_space,
                  fmt::format("{}/{}/{}", place_.identity, resource.name_space, resource.name));
  const auto latest_pods = [this, &resource, known = pods]() mutable {
    if (auto now = place_.objects.pods(resource)) known = *std::move(now);
    return known;
  };
  RunOptions options;
  options.observe = true;
  options.close_only = close_only_;
  options.allow_cold_key_deletion = place_.allow_cold_key_deletion;
  options.execution_started = object_.status.status.execution_started;
  Controller controller(resource, Observer(latest_pods, resource.spec.cluster, secrets), documents,
                        std::move(journal), &lease, limits.get(), options, reporter, stop);
  RunOutcome outcome{State::kWaiting, "Closed"};
  const bool closed = close_only_ && !slots_open;
  if (closed) {
    controller.put_back_limits();
    show_raised(limits->all());
  } else {
    const auto summary = controller.run();
    outcome = {summary.state, summary.reason};
  }
  outcome.limits_raised = controller.nothing_open() && !limits->to_put_back().empty();
  outcome.nothing_open =
      controller.nothing_open() && !outcome.limits_raised && (!closed || defrag.all_put_back());
  return outcome;
}

}  // namespace rebalance
