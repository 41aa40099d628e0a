#include "rig/fake_api_server.h"

#include <algorithm>

#include "rig/process.h"

namespace rig {
namespace {

FakeAnswer json_answer(const ObjectAnswer& answer) {
  return {.status = answer.status, .body = answer.body.dump()};
}

ListQuery list_query(const FakeCall& call) {
  const auto limit = call.query_at("limit");
  return {.labels = call.query_at("labelSelector"),
          .fields = call.query_at("fieldSelector"),
          .limit = limit.empty() ? 0 : std::stoul(limit),
          .continue_token = call.query_at("continue")};
}

}  // namespace

FakeApiServer::FakeApiServer(const FakeApiServerOptions& options)
    : authority_(folder_.path()), options_(options) {
  const TlsListenerOptions tls{.certificate = authority_.issue("apiserver", options.certificate),
                               .client_ca = authority_.certificate(),
                               .address = options.address,
                               .needs_client_certificate = options.needs_client_certificate};
  listener_ = std::make_unique<TlsListener>(tls, [this](TlsConnection& connection) { serve(connection); });
}

FakeApiServer::~FakeApiServer() {
  {
    const std::scoped_lock lock(mutex_);
    over_ = true;
  }
  objects_.wake();
  listener_->stop();
}

std::filesystem::path FakeApiServer::kubeconfig(const std::string& user,
                                                const std::string& more_of_cluster) const {
  const auto host =
      options_.address.find(':') == std::string::npos ? options_.address : "[" + options_.address + "]";
  return folder_.write("kubeconfig",
                       "current-context: fake\ncontexts: [{name: fake, context: {cluster: fake, user: me}}]\n"
                       "clusters: [{name: fake, cluster: {server: \"https://" +
                           host + ":" + std::to_string(port()) +
                           "\", certificate-authority: " + authority_.certificate().string() +
                           more_of_cluster + "}}]\nusers: [{name: me, user: " + user + "}]\n");
}

std::vector<FakeCall> FakeApiServer::calls() {
  const std::scoped_lock lock(mutex_);
  return calls_;
}

void FakeApiServer::set_tokens(std::set<std::string> tokens) {
  const std::scoped_lock lock(mutex_);
  tokens_ = std::move(tokens);
}

void FakeApiServer::fail(const Fault& fault) {
  const std::scoped_lock lock(mutex_);
  faults_.push_back(fault);
}

void FakeApiServer::set_watch_faults(const WatchFaults& faults) {
  const std::scoped_lock lock(mutex_);
  watch_faults_ = faults;
}

void FakeApiServer::set_stale_lists(bool stale) {
  auto snapshot = stale ? objects_.snapshot() : nullptr;
  const std::scoped_lock lock(mutex_);
  stale_ = std::move(snapshot);
}

void FakeApiServer::serve(TlsConnection& connection) {
  std::string rest;
  while (const auto call = read_call(connection, rest)) {
    {
      const std::scoped_lock lock(mutex_);
      if (over_) return;
      calls_.push_back(*call);
    }
    if (!serve_one(connection, *call)) return;
  }
}

bool FakeApiServer::serve_one(TlsConnection& connection, const FakeCall& call) {
  if (const auto fault = next_fault(call)) return misbehave(connection, *fault);
  if (!allowed(connection, call)) {
    return connection.write(answer_text(json_answer(refusal(401, "Unauthorized", "Unauthorized"))));
  }
  const auto path = ObjectPath::parse(call.path);
  const auto watched = call.query_at("watch");
  if (path && call.method == "GET" && (watched == "1" || watched == "true"))
    return watch(connection, call, *path);
  return connection.write(answer_text(answer(call)));
}

std::optional<Fault> FakeApiServer::next_fault(const FakeCall& call) {
  const std::scoped_lock lock(mutex_);
  for (auto fault = faults_.begin(); fault != faults_.end(); ++fault) {
    const bool matches = (fault->method.empty() || fault->method == call.method) &&
                         call.path.find(fault->path_part) != std::string::npos;
    if (!matches) continue;
    const auto found = *fault;
    if (--fault->times == 0) faults_.erase(fault);
    return found;
  }
  return std::nullopt;
}

bool FakeApiServer::misbehave(TlsConnection& connection, const Fault& fault) {
  const auto text = answer_text(fault.answer);
  switch (fault.kind) {
    case Fault::Kind::kAnswer: return connection.write(text);
    case Fault::Kind::kCut: return false;
    case Fault::Kind::kCutInAnswer: connection.write(text.substr(0, text.size() - 1)); return false;
    case Fault::Kind::kStall: break;
  }
  const auto is_over = [&] {
    const std::scoped_lock lock(mutex_);
    return over_ || connection.peer_is_gone();
  };
  while (!is_over()) nap(Milliseconds(5));
  return false;
}

bool FakeApiServer::allowed(TlsConnection& connection, const FakeCall& call) {
  constexpr std::string_view kBearer = "Bearer ";
  const auto header = call.header_at("authorization");
  const std::scoped_lock lock(mutex_);
  if (header.starts_with(kBearer)) return tokens_.contains(header.substr(kBearer.size()));
  return !connection.peer_name().empty();
}

FakeAnswer FakeApiServer::answer(const FakeCall& call) {
  if (call.path == "/version") return {.body = R"({"major":"1","minor":"36","gitVersion":"v1.36.0-fake"})"};
  if (call.path == "/readyz" || call.path == "/healthz") return {.body = "ok", .content_type = "text/plain"};
  const auto path = ObjectPath::parse(call.path);
  if (!path) return {.status = 404, .body = "404 page not found\n", .content_type = "text/plain"};
  return call.method == "GET" ? read(call, *path) : write(call, *path);
}

FakeAnswer FakeApiServer::read(const FakeCall& call, const ObjectPath& path) {
  const auto stale = [&] {
    const std::scoped_lock lock(mutex_);
    return stale_;
  }();
  const FakeObjects& objects = stale ? *stale : objects_;
  if (!path.name.empty()) return json_answer(objects.get(path));
  const auto version = call.query_at("resourceVersion");
  if (!version.empty() && std::stoll(version) > objects.version()) {
    return json_answer(refusal(
        504, "Timeout", "Too large resource version: " + version,
        {{"retryAfterSeconds", 1},
         {"causes", {{{"reason", "ResourceVersionTooLarge"}, {"message", "Too large resource version"}}}}}));
  }
  return json_answer(objects.list(path, list_query(call)));
}

FakeAnswer FakeApiServer::write(const FakeCall& call, const ObjectPath& path) {
  const auto body = Json::parse(call.body.empty() ? "{}" : call.body, nullptr, false);
  if (!body.is_object()) return json_answer(refusal(400, "BadRequest", "the body is no JSON object"));
  if (call.method == "POST") return json_answer(objects_.create(path, body));
  if (call.method == "PUT") return json_answer(objects_.update(path, body));
  if (call.method == "DELETE") return json_answer(objects_.remove(path, body));
  const auto type = call.header_at("content-type");
  if (type.starts_with("application/apply-patch+yaml")) {
    return json_answer(
        objects_.apply(path, body, call.query_at("fieldManager"), call.query_at("force") == "true"));
  }
  if (type.starts_with("application/merge-patch+json") ||
      type.starts_with("application/strategic-merge-patch+json")) {
    return json_answer(objects_.merge_patch(path, body));
  }
  return json_answer(
      refusal(415, "UnsupportedMediaType", "the body of the request was in an unknown format"));
}

}  // namespace rig
