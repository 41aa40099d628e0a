// TLS with our own context: hiredis checks no host name. Used by connection.cpp only.
#pragma once

#include <string>

#include "redis/connection.h"
#include "tls/context.h"

namespace rebalance {

// TLS >= 1.2, trusts `access.ca` and nothing else, asks that the certificate names access.server_name (or
// endpoint.host; an IP literal must stand among its IP names), SNI for DNS names, client certificate if there
// is one. kInvalidInput names the PEM text that cannot be read.
Result<SslPtr> make_ssl(const Access& access, const Endpoint& endpoint);

// Why a handshake failed, for a person.
Error handshake_error(SSL* ssl, const Access& access, const Endpoint& endpoint, const std::string& detail);

}  // namespace rebalance
