// What the tests of decide share: a small cluster, and a drive that does at once whatever decide asks for.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "api/conditions.h"
#include "reconcile/decide.h"

namespace rebalance {

inline constexpr Bytes kSlotBytes = 10 * kKiB;

inline std::string id_of(int node) { return std::string(39, '0') + std::to_string(node); }

inline WorldNode primary(int number, const char* slots, Bytes limit = 512 * kMiB) {
  WorldNode node;
  node.id = id_of(number);
  node.pod = "redis-" + std::to_string(number);
  node.run_id = "life-1";
  node.slots = SlotSet::parse(slots).value();
  node.limit = limit;
  node.aof_enabled = true;
  node.memory.used = node.slots.size() * kSlotBytes + 2 * kMiB;
  node.memory.rss = node.memory.used * 108 / 100;
  node.keys = node.slots.size();
  return node;
}

// Two full primaries and an empty third, 160 MiB in all.
inline Scene two_and_an_empty_one() {
  Scene scene;
  scene.world.nodes = {primary(0, "0-8191"), primary(1, "8192-16383"), primary(2, "")};
  scene.world.sizes.bytes.fill(kSlotBytes);
  scene.world.sizes.keys.fill(1);
  scene.now = Instant(std::chrono::seconds(1000));
  scene.wall_time = "2026-01-01T00:00:00Z";
  return scene;
}

inline RedisRebalance balance() {
  RedisRebalance resource;
  resource.name = "test";
  resource.spec.approval.mode = ApprovalMode::kAutomatic;
  resource.spec.safety.replicas = Requirement::kIgnore;
  resource.spec.canary.slots = 0;
  return resource;
}

template <typename Kind>
int count(const Decision& decision) {
  return static_cast<int>(std::ranges::count_if(
      decision.actions, [](const Action& action) { return std::holds_alternative<Kind>(action); }));
}

// Gives a decision's outcome back as the next scene: what decide asked for happens at once.
struct Drive {
  RedisRebalance resource = balance();
  Scene scene = two_and_an_empty_one();
  RebalanceStatus status;
  Notebook notebook;
  Decision last;

  Decision& once() {
    last = decide(resource, status, notebook, scene);
    note();
    scene.now += std::chrono::seconds(1);
    return last;
  }
  // The answer becomes the record, and what was told once is told.
  void note() {
    status = last.status;
    notebook = last.notebook;
    scene.ended.clear();
    scene.repaired = false;
    scene.repair_error.reset();
    if (is_moving(status.state) && status.plan && !scene.initial)
      scene.initial = layout_now(scene.world, status.execution_started);
  }
  void obey() {
    for (const auto& action : last.actions) {
      if (std::holds_alternative<TakeClaim>(action)) scene.claim_held = scene.claimed_by.empty();
      if (const auto* start = std::get_if<StartBatch>(&action)) complete(start->batch);
      if (std::holds_alternative<RepairOpen>(action)) scene.repaired = true, scene.journal_slots = {};
      if (std::holds_alternative<StopBatches>(action)) scene.running.clear();
      if (const auto* raise = std::get_if<RaiseLimits>(&action)) ask_for(*raise);
    }
  }
  // The API server takes it; what the kubelet does is the test's business.
  void ask_for(const RaiseLimits& asked) {
    for (const auto& raise : asked.raises) {
      for (auto& node : scene.world.nodes) {
        if (node.pod == raise.pod) node.resize.wanted = raise.to;
      }
      std::erase_if(scene.raised, [&](const LimitRaise& one) { return one.pod == raise.pod; });
      scene.raised.push_back(raise);
    }
  }
  // `slots` of it.
  void move(const Batch& batch, const SlotSet& slots) {
    for (auto& node : scene.world.nodes) {
      if (node.id == batch.source) node.slots.remove(slots);
      if (node.id == batch.target) node.slots.add(slots);
      node.keys = node.slots.size();
    }
  }
  void complete(const Batch& batch) {
    move(batch, batch.slots);
    scene.ended.push_back({batch, {}, {}, std::nullopt, batch.bytes, true});
  }
  State until_final(int most = 200) {
    for (int i = 0; i < most && !is_final(status.state); i++) once(), obey();
    return status.state;
  }
  // Until batches start, which is not obeyed.
  void until_batch(int most = 50) {
    for (int i = 0; i < most; i++) {
      if (count<StartBatch>(once()) > 0) return;
      obey();
    }
    FAIL() << status.message;
  }
  Batch first_batch() const { return std::get<StartBatch>(last.actions.front()).batch; }
  void until(State state) {
    for (int i = 0; i < 50 && status.state != state; i++) once(), obey();
    ASSERT_EQ(status.state, state) << status.message;
  }
};

}  // namespace rebalance
