// What a reflector asks the API server next, without clock and I/O.
//
// Source of the rules: client-go tools/cache/reflector.go and the API's "Efficient detection of changes".
// Resource versions are opaque: they are handed back, never compared by size.
#pragma once

#include <optional>
#include <string>

#include "kube/api_client.h"
#include "kube/backoff.h"

namespace rebalance {

struct ReflectorRules {
  // The first list from the server's cache (resourceVersion=0) is cheap for the server, which then ignores
  // the limit: one answer holds all. false: always in pages, for kinds of which there may be thousands.
  bool lists_from_cache = true;
  int page_size = 500;
  Millis idle{90'000};                                // silence of a watch; servers send a bookmark a minute
  int shortest_watch_s = 300, longest_watch_s = 600;  // what the server is asked for, by chance
  Backoff backoff{Millis(800), Millis(30'000), 2, 1.0};
  Millis healthy_after{120'000};  // without a failure, the back-off starts anew
  Millis too_short{1000};         // a watch without any event that ended sooner failed
  int internal_errors = 3;        // in a row, before a list is needed again
};

class ReflectorState {
 public:
  struct Ask {
    enum class Kind { kList, kWatch };
    Kind kind = Kind::kList;
    std::string query;
    Millis after{0};          // to be waited before
    bool first_page = false;  // of a list: what was collected before counts no more
  };

  explicit ReflectorState(ReflectorRules rules) : rules_(rules) {}

  Ask next(double dice);

  // A page of a list; true: it was the last, so the copy is complete.
  bool listed(const std::string& resource_version, const std::string& continue_token);
  void list_failed(const ApiError& problem, Instant now, double dice);

  void watch_began(Instant now);
  void saw(const std::string& resource_version);  // an event of the watch, also a bookmark
  void watch_ended(const std::optional<ApiError>& problem, Instant now, double dice);

 private:
  void back_off(Instant now, double dice);
  void relist();
  std::string list_query() const;

  ReflectorRules rules_;
  bool watching_ = false;
  std::string resource_version_;  // of the newest thing seen; empty: nothing yet
  bool quorum_ = false;           // that version is of no use to the server: ask for the newest
  bool one_answer_ = false;       // pages failed: everything at once
  std::string continue_token_, first_page_version_;
  Instant watch_began_;
  int events_ = 0, internal_errors_ = 0;
  int failures_ = 0;
  Instant last_failure_;
  Millis wait_{0};
};

}  // namespace rebalance
