// Small named documents that must outlive a process, whatever they are kept in: a state folder or a
// ConfigMap.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace rebalance {

// Implementations are thread-safe. `name`: as check_document_name() has it; else kInternal.
class DocumentStore {
 public:
  virtual ~DocumentStore() = default;

  // Durable when it returns: after a crash at any instant there is the old or the new document.
  virtual Status put(std::string_view name, std::string_view text) = 0;
  virtual Result<std::optional<std::string>> get(std::string_view name) = 0;  // nullopt: never put
  virtual Status remove(std::string_view name) = 0;
  virtual const std::string& path() const = 0;  // where they are, for a person
};

// A name is 1 to 253 letters, digits, '-', '_' and '.', does not begin with '.', and is not what the store
// `keeps` for itself. kInternal; `store` says in the sentence which one.
Status check_document_name(std::string_view name, std::string_view store, std::string_view keeps = {});

}  // namespace rebalance
