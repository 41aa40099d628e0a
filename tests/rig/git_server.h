// A Git server on loopback over TLS: bare repositories through git's own http-backend.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "rig/fake_http.h"
#include "rig/temp_folder.h"
#include "rig/tls_listener.h"

namespace rig {

// Clients trust `ca`. Read-only for them; not thread-safe for the test.
class GitServer {
 public:
  GitServer();

  std::string url(const std::string& repository) const;
  const std::filesystem::path& ca() const { return authority_.certificate(); }

  // A commit on branch main of that repository (made with the first one) that puts the files as they are
  // given in place of all that is there. Returns its hash. Throws with git's words.
  std::string commit(const std::string& repository, const std::map<std::string, std::string>& files);

 private:
  std::string git(const std::filesystem::path& folder, std::vector<std::string> words) const;
  void create(const std::string& repository) const;
  void serve(TlsConnection& connection) const;
  FakeAnswer answer(const FakeCall& call) const;

  TempFolder folder_;
  CertificateAuthority authority_;
  TlsListener listener_;  // last: it ends before what it uses
};

}  // namespace rig
