// An API server in memory, over TLS: any resource, with lists in pages, watches with bookmarks, conflicts,
// merge patch, server-side apply, status subresources and finalizers; and with the faults that a real one
// cannot be made to have. What both must do alike is in tests/kubernetes/conformance_test.cpp.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "rig/certificates.h"
#include "rig/fake_http.h"
#include "rig/fake_objects.h"
#include "rig/temp_folder.h"

namespace rig {

// What the next requests get that match, instead of their answer.
struct Fault {
  enum class Kind {
    kAnswer,       // `answer`
    kStall,        // nothing, ever
    kCut,          // the connection ends without an answer
    kCutInAnswer,  // it ends in the middle of one
  };
  Kind kind = Kind::kAnswer;
  FakeAnswer answer = {};
  int times = 1;
  std::string method = {};     // empty: any
  std::string path_part = {};  // empty: any
};

// How watches misbehave, from now on.
struct WatchFaults {
  bool silent = false;          // nothing is sent, no bookmark either
  std::size_t split = 0;        // bytes a chunk; 0: one event is one chunk
  int drop = 0;                 // so many events are never sent
  int duplicate = 0;            // so many events are sent twice
  bool refuse_by_http = false;  // too old: HTTP 410, not 200 with an ERROR event
};

struct FakeApiServerOptions {
  CertificateOptions certificate = {};
  std::string address = "127.0.0.1";
  bool needs_client_certificate = false;
  std::chrono::milliseconds bookmark_every{100};
};

// Thread-safe. Clients that show a token of tokens, or a certificate of the authority, may do everything.
class FakeApiServer {
 public:
  explicit FakeApiServer(const FakeApiServerOptions& options = {});
  ~FakeApiServer();

  int port() const { return listener_->port(); }
  const CertificateAuthority& authority() const { return authority_; }
  const TempFolder& folder() const { return folder_; }
  // A kubeconfig that names this server and its CA, with `user` as YAML flow text: "{token: admin-token}".
  std::filesystem::path kubeconfig(const std::string& user = "{token: admin-token}",
                                   const std::string& more_of_cluster = "") const;

  FakeObjects& objects() { return objects_; }
  TlsListener& connections() { return *listener_; }
  std::vector<FakeCall> calls();

  void set_tokens(std::set<std::string> tokens);  // at first: admin-token
  void fail(const Fault& fault);
  void set_watch_faults(const WatchFaults& faults);
  void set_stale_lists(bool stale);  // gets and lists show what is there now, whatever is written

  // All watches that are open: ended as by the server's time-out, by an ERROR event 410, or in a chunk.
  enum class WatchEnd { kWell, kExpired, kInChunk };
  void end_watches(WatchEnd how);
  int open_watches();

 private:
  void serve(TlsConnection& connection);
  bool serve_one(TlsConnection& connection, const FakeCall& call);
  bool misbehave(TlsConnection& connection, const Fault& fault);
  std::optional<Fault> next_fault(const FakeCall& call);
  bool allowed(TlsConnection& connection, const FakeCall& call);
  FakeAnswer answer(const FakeCall& call);
  FakeAnswer read(const FakeCall& call, const ObjectPath& path);
  FakeAnswer write(const FakeCall& call, const ObjectPath& path);
  bool watch(TlsConnection& connection, const FakeCall& call, const ObjectPath& path);
  bool send_events(TlsConnection& connection, const FakeCall& call, const ObjectPath& path,
                   std::int64_t version);
  bool send_event(TlsConnection& connection, const std::string& line);
  bool end_watch(TlsConnection& connection);
  bool should_drop();

  TempFolder folder_;
  CertificateAuthority authority_;
  const FakeApiServerOptions options_;
  FakeObjects objects_;
  std::mutex mutex_;
  std::set<std::string> tokens_{"admin-token"};
  std::vector<FakeCall> calls_;
  std::vector<Fault> faults_;
  WatchFaults watch_faults_;
  std::shared_ptr<const FakeObjects> stale_;
  int watch_epoch_ = 0;
  WatchEnd watch_end_ = WatchEnd::kWell;
  int open_watches_ = 0;
  bool over_ = false;
  std::unique_ptr<TlsListener> listener_;  // last: its threads use all of this
};

}  // namespace rig
