// get, watch, approve, pause, resume, cancel, rollback: through an API server, as kubectl would, with the
// same rights.
#include <fmt/format.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <nlohmann/json.hpp>

#include "cli/api_place.h"
#include "cli/commands.h"
#include "cli/signals.h"
#include "cli/steer.h"
#include "control/rebalance_object.h"
#include "control/run.h"
#include "kube/informer.h"

namespace rebalance {
namespace {

using nlohmann::json;

Result<std::vector<json>> read_all(const Place& place) {
  std::vector<json> objects;
  std::string next;
  do {
    const auto query = next.empty() ? std::string() : "&continue=" + url_encoded(next);
    const auto path = api_path(rebalance_resource(), place.name_space) + "?limit=500" + query;
    TRY(page, call_json(place, {.path = path}, {}));
    for (auto& item : page["items"]) objects.push_back(std::move(item));
    next = page.value("/metadata/continue"_json_pointer, "");
  } while (!next.empty());
  return objects;
}

Result<std::string> get(const Options& options) {
  TRY(place, place_of(options));
  const Palette palette{colours_wanted(STDOUT_FILENO)};
  if (!options.name.empty()) {
    TRY(object, read_rebalance(place, options.name));
    return object_text(object, palette);
  }
  TRY(objects, read_all(place));
  if (!objects.empty()) return list_text(objects, options.all_name_spaces, palette);
  return place.name_space.empty() ? std::string("no RedisRebalance\n")
                                  : fmt::format("no RedisRebalance in the namespace {}\n", place.name_space);
}

// The status is written while this goes on, so a patch may come too late for the version that it was made
// for.
Result<std::string> steer(const Options& options) {
  constexpr int kTries = 5;
  TRY(place, place_of(options));
  for (int tries = 1;; ++tries) {
    TRY(object, read_rebalance(place, options.name));
    TRY(wanted, steering(options.command, object, options.plan_hash));
    const auto done =
        place.client->call({.method = "PATCH",
                            .path = api_path(rebalance_resource(), place.name_space, options.name),
                            .body = wanted.patch,
                            .content_type = "application/merge-patch+json"},
                           {});
    if (done) return wanted.said + "\n";
    if (!done.error().conflict() || tries == kTries) return std::unexpected(done.error().as_error());
  }
}

// What an informer tells, line by line, until the object is in a state that it stays in.
class Watcher {
 public:
  void saw(const json* object) {
    const std::scoped_lock lock(mutex_);
    const auto line = object == nullptr ? std::string("it was deleted") : progress_line(*object);
    if (line != last_) fmt::print("{}\n", line);
    std::fflush(stdout);
    last_ = line;
    code_ = object == nullptr ? std::optional<int>(kStoppedCode) : exit_code_of(*object);
    ended_.notify_all();
  }
  int wait(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, std::move(stop), [this] { return code_.has_value(); });
    return code_.value_or(kStoppedCode);
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any ended_;
  std::string last_;
  std::optional<int> code_;
};

Result<int> watch(const Options& options, const std::stop_token& stop) {
  TRY(place, place_of(options));
  TRY_OK(read_rebalance(place, options.name));  // or it would be waited for
  Watcher watcher;
  Informer<json> informer(
      *place.client, {.target = {rebalance_resource(), place.name_space, {}, "metadata.name=" + options.name},
                      .decode = [](std::string_view text) { return read_json(std::string(text)); },
                      .on_change = [&](const auto&, const json*, const json* now) { watcher.saw(now); },
                      .on_rejected = {}});
  informer.start();
  return watcher.wait(stop);
}

int printed(const Result<std::string>& text) {
  if (!text) return fail(text.error());
  fmt::print("{}", *text);
  return kDone;
}

}  // namespace

int get_command(const Options& options) { return printed(get(options)); }

int steer_command(const Options& options) { return printed(steer(options)); }

int watch_command(const Options& options) {
  const StopOnSignal stop([] {}, [] { std::_Exit(kStoppedCode); });  // before any thread is started
  const auto ended = watch(options, stop.token());
  return ended ? *ended : fail(ended.error());
}

}  // namespace rebalance
