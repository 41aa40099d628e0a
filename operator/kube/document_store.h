// Small named documents that must outlive a process, whatever they are kept in: a state folder or a
// ConfigMap.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace rebalance {

// Implementations are thread-safe. `name`: letters, digits, '-', '_' and '.', not beginning with '.'.
class DocumentStore {
 public:
  virtual ~DocumentStore() = default;

  // Durable when it returns: after a crash at any instant there is the old or the new document.
  virtual Status put(std::string_view name, std::string_view text) = 0;
  virtual Result<std::optional<std::string>> get(std::string_view name) = 0;  // nullopt: never put
  virtual Status remove(std::string_view name) = 0;
  virtual const std::string& path() const = 0;  // where they are, for a person
};

}  // namespace rebalance
