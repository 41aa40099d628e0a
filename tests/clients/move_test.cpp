// What an application on a client of its own sees while slots move, with each engine: a primary gets a small
// share, then a full one.
#include "clients/client.h"
#include "servers/run_rig.h"

namespace rebalance {
namespace {

struct Case {
  std::string engine, version, client;
};

void PrintTo(const Case& one, std::ostream* out) {
  *out << one.engine << " of " << one.version << " under " << one.client;
}

std::string case_name(const testing::TestParamInfo<Case>& info) {
  auto client = info.param.client;
  std::ranges::replace(client, '-', '_');
  return info.param.engine + "_" + info.param.version + "_" + client;
}

std::vector<Case> cases(const std::vector<std::string>& clients) {
  std::vector<Case> all;
  for (const auto& [engine, version] : std::vector<std::pair<std::string, std::string>>{
           {"Atomic", "r86"}, {"Atomic", "v91"}, {"LiveCopy", "r70"}, {"KeyByKey", "r70"}}) {
    for (const auto& client : installed_clients(clients)) all.push_back({engine, version, client});
  }
  return all;
}

// So much beside the application's keys that a slot of them is on its way for a while.
void fill_tags(const rig::Endpoint& seed) {
  const auto topology = rig::Topology::read(seed);
  std::map<int, std::vector<rig::Arguments>> commands;
  for (int tag = 0; tag < 200; ++tag) {
    const auto braced = "{" + std::to_string(tag) + "}";
    for (int i = 0; i < 60; ++i) {
      commands[topology.owner[static_cast<std::size_t>(rig::key_slot(braced))]].push_back(
          {"SET", "beside:" + std::to_string(i) + braced, std::string(2000, 'x')});
    }
  }
  for (const auto& [owner, batch] : commands)
    rig::Client(topology.primaries[static_cast<std::size_t>(owner)]).pipeline(batch);
}

// How often the servers answered with this error.
std::int64_t errors_of(const rig::TestCluster& cluster, const std::string& error) {
  std::int64_t sum = 0;
  for (int i = 0; i < cluster.size(); ++i) {
    const auto count = rig::info_field(cluster.command(i, {"INFO", "errorstats"}).text, "errorstat_" + error);
    if (const auto at = count.find('='); at != std::string::npos) sum += std::stoll(count.substr(at + 1));
  }
  return sum;
}

void print(const rig::TestCluster& cluster, const ClientReport& report) {
  for (const auto* error : {"MOVED", "ASK", "TRYAGAIN"})
    std::cout << error << " of the servers: " << errors_of(cluster, error) << "\n";
  for (const auto& [kind, count] : report.did) std::cout << kind << ": " << count << " acknowledged\n";
  for (const auto& [kind, errors] : report.errors) {
    for (const auto& [text, times] : errors) std::cout << kind << ": " << times << " x " << text << "\n";
  }
}

class Clients : public testing::TestWithParam<Case> {};
class LongClients : public Clients {};

// docs/clients.md has the reasons. A command that is refused so has written nothing.
bool unavoidable(const Case& one, const std::string& kind, const std::string& error) {
  const bool again = error.find("TRYAGAIN") != std::string::npos ||
                     error == "ClusterError TTL exhausted.";  // redis-py's word for 16 of them
  if (one.engine == "KeyByKey" && again) return true;
  const bool redirect = error.starts_with("JedisMoved") || error.starts_with("JedisAsk");
  return one.client == "jedis" && kind == "pipeline" && redirect;
}

void expect_no_error(const Case& one, const ClientReport& report) {
  for (const auto& [kind, errors] : report.errors) {
    for (const auto& [text, times] : errors)
      EXPECT_TRUE(unavoidable(one, kind, text)) << kind << ": " << times << " x " << text;
  }
}

// redis-py cannot follow an ASK to a primary that had no slot when it looked.
rig::ClusterOptions options_for(const Case& one) {
  if (one.client == "redis-py") return {.primaries = 4};
  return {.primaries = 3, .empty_primaries = 1};
}

void move_under(const Case& one) {
  rig::TestCluster cluster(rig::version_named(one.version), options_for(one));
  rig::fill(cluster.seed(), {.keys = 5000});
  fill_tags(cluster.seed());
  Application application(one.client, cluster.seed());
  Work work(cluster, kAtOnce + std::string(kAlone) + "engine: " + one.engine + "\n");
  for (const auto* share : {"30", "100"}) {
    work.aim("type: Balance\nbalance: {metric: Slots, weights: [{pod: redis-3, weight: " +
             std::string(share) + "}]}");
    const auto finished = work.run();
    ASSERT_EQ(finished.exit_code, kDone) << finished.out;
  }
  const auto report = application.stop();
  print(cluster, report);
  EXPECT_GT(errors_of(cluster, "MOVED"), 0) << "the application met no move";
  expect_no_error(one, report);
  expect_all_there(cluster.seed(), report);
  expect_clean(cluster);
}

TEST_P(Clients, SeeNothingOfSlotsThatMove) { move_under(GetParam()); }
TEST_P(LongClients, SeeNothingOfSlotsThatMove) { move_under(GetParam()); }

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Clients);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(LongClients);
INSTANTIATE_TEST_SUITE_P(Move, Clients, testing::ValuesIn(cases({"redis-py"})), case_name);
INSTANTIATE_TEST_SUITE_P(LongMove, LongClients, testing::ValuesIn(cases({"go-redis", "jedis"})), case_name);

}  // namespace
}  // namespace rebalance
