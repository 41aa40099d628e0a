// The folder of `--state DIR`: what must outlive a run. One process at a time; small named documents.
//
// Created with mode 0700. A document is replaced by writing a new file, fsync, rename and fsync of the
// folder, so that a crash at any instant leaves the old or the new one. Thread-safe.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/descriptor.h"
#include "kube/document_store.h"

namespace rebalance {

class StateFolder : public DocumentStore {
 public:
  // kConflict names the folder and the pid of who holds it; kInvalidInput says why the folder cannot be used.
  static Result<std::unique_ptr<StateFolder>> open(const std::string& path);

  Status put(std::string_view name, std::string_view text) override;
  Result<std::optional<std::string>> get(std::string_view name) override;
  Status remove(std::string_view name) override;
  const std::string& path() const override { return path_; }

 private:
  StateFolder(std::string path, Descriptor folder, Descriptor lock)
      : path_(std::move(path)), folder_(std::move(folder)), lock_(std::move(lock)) {}
  std::string path_;
  Descriptor folder_, lock_;
  mutable std::mutex mutex_;
};

}  // namespace rebalance
