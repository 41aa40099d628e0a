// No kubeconfig may crash its reader: it is taken, or refused with a sentence.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "kube/cluster_config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = std::filesystem::current_path() / "kubeconfig.fuzz";
  std::ofstream(file, std::ios::binary | std::ios::trunc)
      .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  const auto config = rebalance::read_kubeconfig({file.string()}, "");
  if (!config && config.error().message.empty()) std::abort();
  if (config && (config->host.empty() || !config->ca.is_given() || !config->credentials)) std::abort();
  return 0;
}
