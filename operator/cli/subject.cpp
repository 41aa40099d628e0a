#include "cli/subject.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "cli/rehearsal.h"
#include "codec/world_codec.h"
#include "control/run.h"

namespace rebalance {
namespace {

Result<std::string> file_text(const std::string& name) {
  std::ifstream file(name, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(file), {});
  if (!file) return invalid_input(name + ": cannot be read");
  return text;
}

Result<Subject> saved(const Options& options, ManifestFiles& store) {
  TRY(objects, store.load_rehearsal());
  TRY(text, file_text(options.from));
  TRY(world, read_world(text, options.from));
  return Subject{objects.resource, rehearsed(std::move(world), objects.pods)};
}

Result<Subject> observed(ManifestFiles& store) {
  TRY(seen, survey(store));
  return Subject{std::move(seen.resource), std::move(seen.world)};
}

Status write_to(const std::filesystem::path& path, const std::string& text, const std::string& name) {
  errno = 0;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text << std::flush;
  if (file) return {};
  return invalid_input(
      fmt::format("{}: cannot be written: {}", name, std::strerror(errno)));  // NOLINT(concurrency-mt-unsafe)
}

}  // namespace

Result<Subject> subject_of(const Options& options, ManifestFiles& store) {
  return options.from.empty() ? observed(store) : saved(options, store);
}

// A pipe or a device is written as it is, and a link stays one.
Status write_whole(const std::string& name, const std::string& text) {
  std::error_code failure;
  auto path = std::filesystem::weakly_canonical(name, failure);
  if (failure) path = name;
  if (std::filesystem::exists(path, failure) && !std::filesystem::is_regular_file(path, failure))
    return write_to(path, text, name);
  auto fresh = path;
  fresh += fmt::format(".{}.new", getpid());
  const auto written = write_to(fresh, text, name);
  if (written) std::filesystem::rename(fresh, path, failure);
  if (written && !failure) return {};
  std::error_code ignored;
  std::filesystem::remove(fresh, ignored);
  return written ? invalid_input(fmt::format("{}: cannot be written: {}", name, failure.message())) : written;
}

}  // namespace rebalance
