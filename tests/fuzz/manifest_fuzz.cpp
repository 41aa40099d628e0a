// No text may crash the way from a file's text to a decoded object: it is decoded or refused with a sentence.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "codec/kube_objects.h"
#include "codec/rebalance_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rebalance;
  const auto documents = parse_yaml({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (!documents) return documents.error().message.empty() ? (std::abort(), 0) : 0;
  for (const auto* const object : objects_of(*documents)) {
    const auto rebalance = decode_rebalance(*object, "fuzz");
    if (!rebalance && rebalance.error().message.empty()) std::abort();
    const auto pod = decode_pod(*object, {});
    if (!pod && pod.error().message.empty()) std::abort();
    const auto secret = decode_secret(*object);
    if (!secret && secret.error().message.empty()) std::abort();
  }
  return 0;
}
