#include "kube/api_client.h"

namespace rebalance {

std::string url_encoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                       (byte >= '0' && byte <= '9') ||
                       std::string_view("-._~").find(c) != std::string_view::npos;
    if (plain) {
      encoded += c;
    } else {
      encoded += {'%', kHex[byte >> 4], kHex[byte & 0xF]};
    }
  }
  return encoded;
}

std::string api_path(const ApiResource& resource, const std::string& name_space, const std::string& name,
                     const std::string& subresource) {
  std::string path = resource.group.empty() ? "/api" : "/apis/" + url_encoded(resource.group);
  path += '/' + url_encoded(resource.version);
  if (!name_space.empty()) path += "/namespaces/" + url_encoded(name_space);
  path += '/' + url_encoded(resource.plural);
  if (!name.empty()) path += '/' + url_encoded(name);
  if (!subresource.empty()) path += '/' + url_encoded(subresource);
  return path;
}

}  // namespace rebalance
