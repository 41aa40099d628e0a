// Certificates made for one test: a CA, and what it signs. PEM files, EC P-256.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace rig {

struct CertificateFiles {
  std::filesystem::path certificate;
  std::filesystem::path key;
};

struct CertificateOptions {
  std::vector<std::string> names = {"DNS:localhost", "IP:127.0.0.1", "IP:::1"};  // as subjectAltName has them
  std::string organization = {};  // O of the subject: what Kubernetes takes for a client's group
  bool expired = false;           // it ended an hour ago
};

class CertificateAuthority {
 public:
  // Writes NAME.crt and NAME.key into `folder`, which must exist and outlive it.
  explicit CertificateAuthority(std::filesystem::path folder, const std::string& name = "ca");

  const std::filesystem::path& certificate() const { return own_.certificate; }
  CertificateFiles issue(const std::string& name, const CertificateOptions& options = {}) const;

 private:
  std::filesystem::path folder_;
  CertificateFiles own_;
};

}  // namespace rig
