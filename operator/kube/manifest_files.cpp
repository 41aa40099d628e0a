#include "kube/manifest_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include "codec/rebalance_codec.h"

namespace rebalance {
namespace {

namespace fs = std::filesystem;

constexpr auto kPiped = "-";

std::string shown_name(const std::string& name) { return name == kPiped ? "standard input" : name; }

bool is_manifest(const fs::path& path) {
  const auto extension = path.extension();
  return extension == ".yaml" || extension == ".yml" || extension == ".json";
}

Result<std::vector<std::string>> files_of(const std::string& name) {
  std::error_code failure;
  if (name == kPiped || !fs::is_directory(name, failure)) return std::vector{name};
  std::vector<std::string> files;
  for (auto entry = fs::directory_iterator(name, failure); !failure && entry != fs::directory_iterator();
       entry.increment(failure)) {
    if (is_manifest(entry->path())) files.push_back(entry->path().string());
  }
  if (failure) return invalid_input(fmt::format("{}: cannot be read: {}", name, failure.message()));
  if (files.empty())
    return invalid_input(fmt::format("{}: the folder holds no *.yaml, *.yml or *.json", name));
  std::ranges::sort(files);
  return files;
}

std::string labels_text(const std::map<std::string, std::string>& labels) {
  std::vector<std::string> pairs;
  for (const auto& [key, value] : labels) pairs.push_back(fmt::format("{}={}", key, value));
  return fmt::format("{}", fmt::join(pairs, ","));
}

// What the pods do have, so that the person sees which word differs.
std::string seen_labels(const std::vector<PodHead>& pods) {
  constexpr std::size_t kShown = 5;
  if (pods.empty()) return "the files hold no pod";
  std::set<std::string> seen;
  for (const auto& pod : pods) {
    seen.insert(fmt::format("{} in namespace {}", pod.labels.empty() ? "no labels" : labels_text(pod.labels),
                            pod.name_space));
  }
  const auto more = seen.size() > kShown ? fmt::format(" and {} more", seen.size() - kShown) : std::string();
  const std::vector<std::string> first(
      seen.begin(), std::next(seen.begin(), static_cast<long>(std::min(kShown, seen.size()))));
  return fmt::format("the pods have: {}{}", fmt::join(first, "; "), more);
}

Status check_addresses(const std::vector<PodState>& pods) {
  std::map<std::pair<std::string, int>, std::string> owners;
  for (const auto& pod : pods) {
    if (pod.ip.empty()) continue;
    const auto [other, is_new] = owners.try_emplace({pod.ip, pod.port}, pod.name);
    if (is_new) continue;
    return invalid_input(
        fmt::format("pods {} and {} have the same address {} port {}: each node needs one of its own",
                    other->second, pod.name, pod.ip, pod.port));
  }
  return {};
}

Status check_names(const std::vector<PodState>& sorted) {
  const auto twin = std::ranges::adjacent_find(sorted, {}, &PodState::name);
  if (twin == sorted.end()) return {};
  return invalid_input(fmt::format("pod {} stands in the files twice", twin->name));
}

Result<std::vector<PodState>> select(const std::vector<const YamlNode*>& objects, const ClusterSpec& cluster,
                                     const std::string& name_space, bool needed = true) {
  std::vector<PodState> chosen;
  std::vector<PodHead> heads;
  for (const auto* const object : objects) {
    if (object->text_at({"kind"}) != "Pod") continue;
    auto head = decode_pod_head(*object);
    const bool wanted =
        !head.finished && head.name_space == name_space && matches(head, cluster.match_labels);
    heads.push_back(std::move(head));
    if (!wanted) continue;
    TRY(pod, decode_pod(*object, cluster));
    chosen.push_back(std::move(pod));
  }
  if (chosen.empty() && needed) {
    return invalid_input(fmt::format("spec.cluster.podSelector {} matches no pod in namespace {}: {}",
                                     labels_text(cluster.match_labels), name_space, seen_labels(heads)));
  }
  std::ranges::sort(chosen, {}, &PodState::name);
  TRY_OK(check_names(chosen));
  TRY_OK(check_addresses(chosen));
  return chosen;
}

}  // namespace

ManifestFiles::ManifestFiles(std::vector<std::string> names, std::istream& standard_input)
    : names_(std::move(names)), standard_input_(standard_input) {}

Result<std::string> ManifestFiles::read_text(const std::string& name) {
  if (name == kPiped) {
    const std::lock_guard lock(mutex_);
    if (!piped_)
      piped_.emplace(std::istreambuf_iterator<char>(standard_input_), std::istreambuf_iterator<char>());
    return *piped_;
  }
  errno = 0;
  std::ifstream file(name, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(file), {});
  if (!file) return invalid_input(fmt::format("{}: cannot be read: {}", name, std::strerror(errno)));
  return text;
}

Result<std::vector<ManifestFiles::File>> ManifestFiles::read() {
  std::vector<File> files;
  for (const auto& name : names_) {
    TRY(paths, files_of(name));
    for (const auto& path : paths) {
      TRY(text, read_text(path));
      TRY(documents, parse_yaml(text, shown_name(path)));
      files.push_back({shown_name(path), std::move(documents)});
    }
  }
  return files;
}

Result<Objects> ManifestFiles::load() { return load(Pods::kNeeded); }

Result<Objects> ManifestFiles::load_rehearsal() { return load(Pods::kIfAny); }

Result<Objects> ManifestFiles::load(Pods wanted) {
  TRY(files, read());
  std::vector<const YamlNode*> all;
  std::vector<std::pair<const YamlNode*, std::string>> rebalances;
  for (const auto& file : files) {
    for (const auto* const object : objects_of(file.documents)) {
      all.push_back(object);
      if (is_rebalance(*object)) rebalances.emplace_back(object, file.name);
    }
  }
  if (rebalances.empty()) {
    return invalid_input(
        fmt::format("no RedisRebalance in {}: one is needed, of apiVersion redisrebalance.io/v1alpha1",
                    fmt::join(names_, ", ")));
  }
  if (rebalances.size() > 1) {
    return invalid_input(fmt::format("more than one RedisRebalance ({}:{} and {}:{}): give one at a time",
                                     rebalances[0].second, rebalances[0].first->line, rebalances[1].second,
                                     rebalances[1].first->line));
  }
  TRY(resource, decode_rebalance(*rebalances.front().first, rebalances.front().second));
  const bool needed = wanted == Pods::kNeeded;
  TRY(pods, select(all, resource.spec.cluster, resource.name_space, needed));
  return Objects{std::move(resource), std::move(pods)};
}

Result<std::vector<PodState>> ManifestFiles::load_pods(const ClusterSpec& cluster,
                                                       const std::string& name_space) {
  TRY(files, read());
  std::vector<const YamlNode*> all;
  for (const auto& file : files) {
    for (const auto* const object : objects_of(file.documents)) all.push_back(object);
  }
  return select(all, cluster, name_space);
}

Result<SecretData> ManifestFiles::secret(const std::string& name_space, const std::string& name) {
  TRY(files, read());
  for (const auto& file : files) {
    for (const auto* const object : objects_of(file.documents)) {
      if (object->text_at({"kind"}) != "Secret" || object->text_at({"metadata", "name"}) != name) continue;
      TRY(found, decode_secret(*object));
      if (found.name_space == name_space) return found;
    }
  }
  return invalid_input(fmt::format("no Secret {} of namespace {} in {}: add its manifest with -f", name,
                                   name_space, fmt::join(names_, ", ")));
}

}  // namespace rebalance
