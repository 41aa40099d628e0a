// What `plan` and `explain` look at: servers, or what --save kept of them; and the files that they write.
#pragma once

#include <string>
#include <vector>

#include "api/spec.h"
#include "cli/options.h"
#include "kube/manifest_files.h"
#include "model/world.h"

namespace rebalance {

struct Subject {
  RedisRebalance resource;
  World world;
};
Result<Subject> subject_of(const Options& options, ManifestFiles& store);

// The whole file or, where that fails, what was there before. kInvalidInput names the file and why.
Status write_whole(const std::string& name, const std::string& text);

}  // namespace rebalance
