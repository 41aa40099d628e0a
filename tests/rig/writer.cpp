#include "rig/writer.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <optional>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

namespace rig {
namespace {

using Clock = std::chrono::steady_clock;

enum class Outcome { kDone, kRefused, kUnknown };

// Follows MOVED and ASK as cluster clients do. One thread's.
class ClusterClient {
 public:
  ClusterClient(Endpoint seed, const WriterOptions& options, WriterReport& report)
      : seed_(std::move(seed)), options_(options), report_(report), topology_(Topology::read(seed_)) {}

  Outcome execute(const std::string& key, const Arguments& command, Reply& reply) {
    const auto end = Clock::now() + options_.give_up;
    const auto slot = static_cast<size_t>(key_slot(key));
    std::optional<Endpoint> asked;
    while (Clock::now() < end) {
      const int owner = topology_.owner[slot];
      if (!asked && owner < 0) {
        refresh();
        continue;
      }
      const Endpoint to = asked ? *asked : topology_.primaries[static_cast<size_t>(owner)];
      if (!try_once(to, asked.has_value(), command, reply)) {
        if (sent_) return Outcome::kUnknown;
        asked.reset();
        refresh();
        continue;
      }
      if (!reply.is_error()) return Outcome::kDone;
      asked = redirected(slot, reply);
    }
    return Outcome::kRefused;
  }

 private:
  // False when the connection failed; sent_ then tells whether the command may have arrived.
  bool try_once(const Endpoint& to, bool asking, const Arguments& command, Reply& reply) {
    sent_ = false;
    const std::string where = to.host + ":" + std::to_string(to.port);
    try {
      auto found = connections_.find(where);
      if (found == connections_.end())
        found = connections_.emplace(where, Client(to, options_.timeout)).first;
      sent_ = true;
      if (asking) found->second.send({"ASKING"});
      found->second.send(command);
      if (asking) found->second.receive();
      reply = found->second.receive();
      return true;
    } catch (const std::runtime_error& problem) {
      report_.last_error = problem.what();
      connections_.erase(where);
      return false;
    }
  }

  std::optional<Endpoint> redirected(size_t slot, const Reply& reply) {
    const bool ask = reply.text.starts_with("ASK ");
    if (ask || reply.text.starts_with("MOVED ")) {
      ++(ask ? report_.ask : report_.moved);
      const Endpoint to = target_of(reply.text);
      if (ask) return to;
      adopt(slot, to);
      return std::nullopt;
    }
    if (reply.text.starts_with("TRYAGAIN")) {
      ++report_.try_again;
    } else if (reply.text.starts_with("CLUSTERDOWN")) {
      ++report_.cluster_down;
    } else {
      ++report_.other_errors;
      report_.last_error = reply.text;
    }
    nap(Milliseconds(5));
    return std::nullopt;
  }

  Endpoint target_of(const std::string& text) const {  // "MOVED 3999 127.0.0.1:6381"
    const auto address = text.substr(text.rfind(' ') + 1);
    const auto colon = address.rfind(':');
    Endpoint to = seed_;
    if (colon > 0) to.host = address.substr(0, colon);
    to.port = std::stoi(address.substr(colon + 1));
    return to;
  }

  void adopt(size_t slot, const Endpoint& to) {
    auto& known = topology_.primaries;
    auto found = std::ranges::find_if(
        known, [&](const Endpoint& e) { return e.host == to.host && e.port == to.port; });
    if (found == known.end()) found = known.insert(known.end(), to);
    topology_.owner[slot] = static_cast<int>(found - known.begin());
  }

  void refresh() {
    nap(Milliseconds(20));
    for (const auto& endpoint : std::vector(topology_.primaries)) {
      try {
        topology_ = Topology::read(endpoint);
        return;
      } catch (const std::runtime_error&) {
        ++report_.other_errors;  // this one is down: the next may know
      }
    }
  }

  Endpoint seed_;
  const WriterOptions& options_;
  WriterReport& report_;
  Topology topology_;
  std::map<std::string, Client> connections_;
  bool sent_ = false;
};

// What one key must hold. A key is written by one thread only, and no more once an outcome was unknown: a
// late write could otherwise be mistaken for a lost one.
struct KeyState {
  std::string name;
  bool counter = false;
  int64_t acknowledged = 0;  // the sequence number, or the count
  bool deleted = true;       // as acknowledged
  bool retired = false;
  int64_t attempted = 0;  // of a retired key: what may be there as well
  bool attempted_delete = false;
};

struct Latency {
  Clock::time_point due;
  uint32_t micros;
};

struct Worker {
  std::vector<KeyState> keys;
  WriterReport report;
  std::vector<Latency> latencies;
  std::jthread thread;
};

int64_t percentile(const std::vector<uint32_t>& sorted, double share) {
  if (sorted.empty()) return 0;
  return sorted[std::min(sorted.size() - 1, static_cast<size_t>(share * static_cast<double>(sorted.size())))];
}

}  // namespace

struct Writer::State {
  Endpoint seed, asked;  // of the workers, of verify()
  WriterOptions options;
  std::vector<std::unique_ptr<Worker>> workers;
  std::atomic<int64_t> acknowledged{0};
  Clock::time_point begin = Clock::now();

  void work(Worker& worker, const std::stop_token& stop);
  void write_once(Worker& worker, ClusterClient& client, KeyState& key, bool remove);
};

void Writer::State::write_once(Worker& worker, ClusterClient& client, KeyState& key, bool remove) {
  remove = remove && !key.counter && options.deletes;
  const int64_t next =
      key.counter || !remove ? std::max(key.acknowledged, key.attempted) + 1 : key.acknowledged;
  Arguments command;
  if (key.counter) {
    command = {"INCR", key.name};
  } else if (remove) {
    command = {"DEL", key.name};
  } else {
    command = {"SET", key.name,
               std::to_string(next) + ":" + std::string(static_cast<size_t>(options.value_bytes), 'x')};
  }
  Reply reply;
  switch (client.execute(key.name, command, reply)) {
    case Outcome::kDone:
      key.acknowledged = next;
      key.deleted = remove;
      ++worker.report.acknowledged;
      ++acknowledged;
      return;
    case Outcome::kRefused: ++worker.report.refused; return;
    case Outcome::kUnknown:
      ++worker.report.unknown;
      key.retired = true;
      key.attempted = next;
      key.attempted_delete = remove;
  }
}

void Writer::State::work(Worker& worker, const std::stop_token& stop) {
  ClusterClient client(seed, options, worker.report);
  std::mt19937_64 random(worker.keys.size());
  const std::chrono::duration<double> interval(options.threads / options.operations_per_second);
  for (int64_t number = 0; !stop.stop_requested(); ++number) {
    const auto due =
        begin + std::chrono::duration_cast<Clock::duration>(interval * static_cast<double>(number));
    while (Clock::now() < due && !stop.stop_requested())
      std::this_thread::sleep_until(std::min(due, Clock::now() + Milliseconds(50)));
    KeyState& key = worker.keys[random() % worker.keys.size()];
    const bool remove = random() % 20 == 0;
    if (key.retired) continue;
    write_once(worker, client, key, remove);
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - due);
    worker.latencies.push_back({due, static_cast<uint32_t>(took.count())});
  }
}

Writer::Writer(const Endpoint& seed, const WriterOptions& options) : state_(std::make_unique<State>()) {
  state_->seed = state_->asked = seed;
  state_->options = options;
  for (int i = 0; i < options.threads; ++i) {
    auto worker = std::make_unique<Worker>();
    for (int k = i; k < options.keys; k += options.threads) {
      KeyState key;
      key.name = options.prefix + std::to_string(k);
      key.counter = (k / options.threads) % 2 == 1;
      worker->keys.push_back(std::move(key));
    }
    state_->workers.push_back(std::move(worker));
  }
  for (auto& worker : state_->workers)
    worker->thread = std::jthread([state = state_.get(), &worker = *worker](const std::stop_token& stop) {
      state->work(worker, stop);
    });
}

Writer::~Writer() { stop(); }

int64_t Writer::acknowledged() const { return state_->acknowledged; }

WriterReport Writer::stop(const std::optional<TimeWindow>& window) {
  WriterReport all;
  all.seconds = std::chrono::duration<double>(Clock::now() - state_->begin).count();
  for (auto& worker : state_->workers) worker->thread.request_stop();
  std::vector<uint32_t> latencies;
  for (auto& worker : state_->workers) {
    if (worker->thread.joinable()) worker->thread.join();
    const WriterReport& part = worker->report;
    all.acknowledged += part.acknowledged;
    all.refused += part.refused;
    all.unknown += part.unknown;
    all.moved += part.moved;
    all.ask += part.ask;
    all.try_again += part.try_again;
    all.cluster_down += part.cluster_down;
    all.other_errors += part.other_errors;
    if (!part.last_error.empty()) all.last_error = part.last_error;
    for (const Latency& one : worker->latencies) {
      if (!window || (window->from <= one.due && one.due <= window->until)) latencies.push_back(one.micros);
    }
  }
  std::ranges::sort(latencies);
  all.p50 = percentile(latencies, 0.5);
  all.p99 = percentile(latencies, 0.99);
  all.p999 = percentile(latencies, 0.999);
  all.max = latencies.empty() ? 0 : latencies.back();
  return all;
}

void Writer::ask(const Endpoint& seed) { state_->asked = seed; }

WriterVerdict Writer::verify(const std::set<int>& unjudged) {
  WriterVerdict verdict;
  WriterReport unused;
  ClusterClient client(state_->asked, state_->options, unused);
  const auto blame = [&](int64_t& counter, const KeyState& key, int64_t seen) {
    if (++counter <= 3)
      verdict.examples += key.name + " holds " + std::to_string(seen) + ", acknowledged " +
                          std::to_string(key.acknowledged) + (key.deleted ? " (deleted)\n" : "\n");
  };
  for (const auto& worker : state_->workers) {
    for (const KeyState& key : worker->keys) {
      if (unjudged.contains(key_slot(key.name))) continue;
      Reply reply;
      if (client.execute(key.name, {"GET", key.name}, reply) != Outcome::kDone)
        throw std::runtime_error("verify: " + key.name + " cannot be read: " + reply.text +
                                 unused.last_error);
      ++verdict.checked;
      const bool absent = reply.is_nil();
      const int64_t seen = absent ? 0 : std::stoll(reply.text);
      const bool as_acknowledged = absent ? key.deleted : !key.deleted && seen == key.acknowledged;
      const bool as_attempted =
          key.retired && (absent ? key.attempted_delete : !key.attempted_delete && seen == key.attempted);
      if (as_acknowledged || as_attempted) continue;
      const bool is_phantom = !absent && (key.deleted || seen > key.acknowledged);
      blame(is_phantom ? verdict.phantom : verdict.lost, key, seen);
    }
  }
  return verdict;
}

}  // namespace rig
