#include "rig/certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>
#include <stdexcept>

namespace rig {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using File = std::unique_ptr<FILE, int (*)(FILE*)>;

constexpr long kHour = 3600;

void check(bool ok, const char* what) {
  if (!ok) throw std::runtime_error(std::string("OpenSSL could not ") + what);
}

File opened(const std::filesystem::path& path, const char* mode) {
  File file(std::fopen(path.c_str(), mode), std::fclose);
  check(file != nullptr, "open a PEM file");
  return file;
}

void add_extension(X509* certificate, X509* issuer, int which, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> extension(
      X509V3_EXT_conf_nid(nullptr, &context, which, value.c_str()), X509_EXTENSION_free);
  check(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1, "add an extension");
}

void add_to_subject(X509* certificate, const char* field, const std::string& value) {
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), field, MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(value.c_str()), -1, -1, 0);
}

Certificate started(const std::string& name, EVP_PKEY* key, long from_seconds, long to_seconds) {
  Certificate certificate(X509_new(), X509_free);
  unsigned char serial[8];
  RAND_bytes(serial, sizeof serial);
  serial[0] &= 0x7f;
  const std::unique_ptr<BIGNUM, decltype(&BN_free)> number(BN_bin2bn(serial, sizeof serial, nullptr),
                                                           BN_free);
  BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate.get()));
  X509_set_version(certificate.get(), 2);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), from_seconds);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), to_seconds);
  X509_set_pubkey(certificate.get(), key);
  add_to_subject(certificate.get(), "CN", name);
  return certificate;
}

CertificateFiles written(const std::filesystem::path& folder, const std::string& name, X509* certificate,
                         EVP_PKEY* key) {
  CertificateFiles files{folder / (name + ".crt"), folder / (name + ".key")};
  check(PEM_write_X509(opened(files.certificate, "w").get(), certificate) == 1, "write a certificate");
  check(PEM_write_PrivateKey(opened(files.key, "w").get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1,
        "write a key");
  std::filesystem::permissions(files.key,
                               std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  return files;
}

}  // namespace

CertificateAuthority::CertificateAuthority(std::filesystem::path folder, const std::string& name)
    : folder_(std::move(folder)) {
  const Key key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const Certificate certificate = started(name, key.get(), -2 * kHour, 1000 * kHour);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
  add_extension(certificate.get(), certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  check(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0, "sign the CA");
  own_ = written(folder_, name, certificate.get(), key.get());
}

CertificateFiles CertificateAuthority::issue(const std::string& name,
                                             const CertificateOptions& options) const {
  const Certificate issuer(PEM_read_X509(opened(own_.certificate, "r").get(), nullptr, nullptr, nullptr),
                           X509_free);
  const Key issuer_key(PEM_read_PrivateKey(opened(own_.key, "r").get(), nullptr, nullptr, nullptr),
                       EVP_PKEY_free);
  const Key key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const Certificate certificate =
      started(name, key.get(), -2 * kHour, options.expired ? -kHour : 1000 * kHour);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer.get()));
  std::string names;
  for (const auto& entry : options.names) names += (names.empty() ? "" : ",") + entry;
  if (!names.empty()) add_extension(certificate.get(), issuer.get(), NID_subject_alt_name, names);
  if (!options.organization.empty()) add_to_subject(certificate.get(), "O", options.organization);
  check(X509_sign(certificate.get(), issuer_key.get(), EVP_sha256()) > 0, "sign a certificate");
  return written(folder_, name, certificate.get(), key.get());
}

}  // namespace rig
