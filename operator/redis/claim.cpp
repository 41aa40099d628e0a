#include "redis/claim.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <random>
#include <thread>
#include <tuple>

#include "base/clock.h"
#include "base/text.h"
#include "redis/parse.h"

namespace rebalance {
namespace {

constexpr std::string_view kPrefix = "redis-rebalance:";
constexpr Millis kGoneWithin{2000};

std::string fitting(std::string holder) {
  for (auto& c : holder) {
    const bool good =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_';
    if (!good) c = '-';
  }
  return holder.empty() ? "unnamed" : holder.substr(0, 100);
}

ClaimName fresh_name(const std::string& holder) {
  std::random_device device;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return {ClaimName::Phase::kClaiming, fitting(holder),
          std::chrono::duration_cast<std::chrono::seconds>(now).count(),
          fmt::format("{:08x}{:08x}", device(), device())};
}

// One claim with all of its connections.
struct Claimant {
  ClaimName name;
  bool holding = false;
  int silent_seconds = 0;
};

std::vector<Claimant> claimants(const ClaimName& own, const std::vector<ClaimedClient>& seen) {
  std::vector<Claimant> all;
  for (const auto& client : seen) {
    if (client.name.same_claim(own)) continue;
    auto known = std::ranges::find_if(all, [&](const Claimant& c) { return c.name.same_claim(client.name); });
    if (known == all.end()) known = all.insert(all.end(), {client.name, false, client.idle_seconds});
    known->silent_seconds = std::min(known->silent_seconds, client.idle_seconds);
    known->holding = known->holding || client.name.phase == ClaimName::Phase::kHolding;
  }
  return all;
}

// A claim that is still being taken has nobody to wait for who comes after us; once we hold, neither has one
// that holds.
bool must_wait_for(const ClaimName& own, const Claimant& other) {
  const bool first_look = own.phase == ClaimName::Phase::kClaiming;
  return (first_look && other.holding) || other.name.before(own);
}

Error lost_to(const HeldBy& other) {
  return {ErrorCode::kConflict, fmt::format("the cluster is {}; this executor writes no more", other.text())};
}

Result<std::string> client_list(Connection& connection) {
  TRY(reply, connection.command({"CLIENT", "LIST"}));
  if (!reply.is_error()) return std::move(reply.text);
  return error(ErrorCode::kRefused,
               fmt::format("{} does not answer CLIENT LIST: {}; docs/acl.md lists what is needed",
                           connection.endpoint().text(), reply.text));
}

}  // namespace

std::string ClaimName::text() const {
  return fmt::format("{}{}:{}:{}:{}", kPrefix, phase == Phase::kHolding ? "holding" : "claiming", holder,
                     since, random);
}

std::optional<ClaimName> ClaimName::parse(std::string_view client_name) {
  if (!client_name.starts_with(kPrefix)) return std::nullopt;
  auto rest = client_name.substr(kPrefix.size());
  const auto phase = cut(rest, ':');
  if (phase != "claiming" && phase != "holding") return std::nullopt;
  ClaimName name{phase == "holding" ? Phase::kHolding : Phase::kClaiming, std::string(cut(rest, ':')), 0, {}};
  const auto since = whole_number<std::int64_t>(cut(rest, ':'));
  if (!since || rest.empty()) return std::nullopt;
  name.since = *since;
  name.random = rest;
  return name;
}

bool ClaimName::same_claim(const ClaimName& other) const {
  return holder == other.holder && since == other.since && random == other.random;
}

bool ClaimName::before(const ClaimName& other) const {
  return std::tie(since, random) < std::tie(other.since, other.random);
}

std::string HeldBy::text() const {
  const auto since = std::chrono::system_clock::time_point(std::chrono::seconds(name.since));
  return fmt::format("held by {} since {}, last heard of {} s ago", name.holder, rfc3339(since),
                     silent_seconds);
}

std::vector<ClaimedClient> claimed_clients(std::size_t node, std::string_view client_list) {
  std::vector<ClaimedClient> found;
  while (!client_list.empty()) {
    const auto line = cut(client_list, '\n');
    if (line.find(kPrefix) == std::string_view::npos) continue;
    auto name = ClaimName::parse(client_field(line, "name"));
    if (!name) continue;
    found.push_back({node, std::string(client_field(line, "id")), std::move(*name),
                     whole_number<int>(client_field(line, "idle")).value_or(0)});
  }
  return found;
}

std::variant<GoOn, HeldBy> decide_claim(const ClaimName& own, const std::vector<ClaimedClient>& seen) {
  GoOn go_on;
  for (const auto& other : claimants(own, seen)) {
    if (other.silent_seconds < kStaleAfterSeconds) {
      if (must_wait_for(own, other)) return HeldBy{other.name, other.silent_seconds};
      continue;  // it sees us and gives up by itself
    }
    std::ranges::copy_if(seen, std::back_inserter(go_on.stale),
                         [&](const ClaimedClient& client) { return client.name.same_claim(other.name); });
  }
  return go_on;
}

Claim::Claim(ClaimName name, std::vector<Link> links)
    : name_(std::move(name)), client_name_(name_.text()), links_(std::move(links)) {}

Result<Claim> Claim::connect_all(std::span<const ConnectOptions> nodes, const ClaimName& name) {
  std::vector<Link> links;
  for (const auto& options : nodes) {
    links.push_back({options, std::nullopt});
    links.back().options.client_name = name.text();
    TRY(connection, Connection::open(links.back().options));
    links.back().connection = std::move(connection);
  }
  return Claim(name, std::move(links));
}

Result<std::vector<ClaimedClient>> Claim::list() {
  std::vector<ClaimedClient> all;
  for (std::size_t node = 0; node < links_.size(); ++node) {
    TRY(text, client_list(*links_[node].connection));
    std::ranges::move(claimed_clients(node, text), std::back_inserter(all));
  }
  return all;
}

// Ends them and sees them gone.
Status Claim::end(const std::vector<ClaimedClient>& stale) {
  for (const auto& client : stale) {
    TRY(reply, links_[client.node].connection->command({"CLIENT", "KILL", "ID", client.id}));
    if (reply.is_error()) {
      return error(ErrorCode::kRefused,
                   fmt::format("{} does not end a stale claim's connection: {}; docs/acl.md lists "
                               "what is needed",
                               links_[client.node].options.endpoint.text(), reply.text));
    }
  }
  const auto is_stale = [&](const ClaimedClient& client) {
    return std::ranges::any_of(stale, [&](const auto& old) { return old.name.same_claim(client.name); });
  };
  const auto limit = BootClock::now() + kGoneWithin;
  while (true) {
    TRY(left, list());
    if (std::ranges::none_of(left, is_stale)) return {};
    if (BootClock::now() > limit) {
      return error(ErrorCode::kConflict,
                   "a stale claim came back while it was being ended: its executor lives; try again");
    }
    std::this_thread::sleep_for(Millis(20));
  }
}

Status Claim::hold() {
  name_.phase = ClaimName::Phase::kHolding;
  client_name_ = name_.text();
  for (auto& link : links_) {
    link.options.client_name = client_name_;
    TRY(reply, link.connection->command({"CLIENT", "SETNAME", client_name_}));
    if (reply.is_error())
      return error(ErrorCode::kRefused, link.options.endpoint.text() + ": CLIENT SETNAME: " + reply.text);
  }
  return {};
}

Result<std::variant<Claim, HeldBy>> Claim::acquire(std::span<const ConnectOptions> nodes,
                                                   const std::string& holder) {
  TRY(claim, connect_all(nodes, fresh_name(holder)));
  TRY(seen, claim.list());
  auto first = decide_claim(claim.name_, seen);
  if (auto* other = std::get_if<HeldBy>(&first)) return std::move(*other);
  TRY_OK(claim.end(std::get<GoOn>(first).stale));
  TRY_OK(claim.hold());
  TRY(seen_again, claim.list());
  auto second = decide_claim(claim.name_, seen_again);
  if (auto* other = std::get_if<HeldBy>(&second)) return std::move(*other);
  return std::move(claim);
}

Result<Connection> Claim::open(ConnectOptions options) const {
  options.client_name = client_name_;
  TRY(connection, Connection::open(options));
  TRY(text, client_list(connection));
  for (const auto& other : claimants(name_, claimed_clients(0, text))) {
    if (other.holding && other.silent_seconds < kStaleAfterSeconds) {
      return std::unexpected(lost_to({other.name, other.silent_seconds}));
    }
  }
  return std::move(connection);
}

Status Claim::revive(Link& link) const {
  TRY(connection, open(link.options));
  link.connection = std::move(connection);
  return {};
}

Status Claim::keep_alive() {
  Status status;
  for (auto& link : links_) {
    const bool alive =
        link.connection && !link.connection->broken() && link.connection->command({"PING"}).has_value();
    if (alive) continue;
    if (auto revived = revive(link); !revived) {
      if (revived.error().code == ErrorCode::kConflict) return revived;
      status = std::move(revived);
    }
  }
  return status;
}

}  // namespace rebalance
