// Small named documents that must outlive the process, in one ConfigMap that a RedisRebalance owns: it goes
// when its owner goes.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "kube/api_client.h"
#include "kube/document_store.h"
#include "kube/event_series.h"

namespace rebalance {

// Thread-safe. One writer at a time, which the leases see to; another's write is noticed, not overwritten.
class ConfigMapDocuments : public DocumentStore {
 public:
  static constexpr std::size_t kMostBytes =
      std::size_t{1024} * 1024;  // of all names and documents: the API server's bound

  // `owner`: the RedisRebalance; the ConfigMap is in its namespace. `client` must outlive it.
  ConfigMapDocuments(ApiClient& client, ObjectRef owner, std::string name);

  // `text`: UTF-8. Durable when it returns: the API
  // server has answered. kInvalidInput: larger than the bound; kConflict: somebody else changed a document
  // since we read them, or the ConfigMap is another's.
  Status put(std::string_view name, std::string_view text) override;
  Result<std::optional<std::string>> get(std::string_view name) override;  // read anew
  Status remove(std::string_view name) override;
  const std::string& path() const override { return path_; }  // "ConfigMap NAMESPACE/NAME"

 private:
  using Data = std::map<std::string, std::string>;
  struct Known {
    std::string metadata;  // JSON, as the server sent it; empty: there is no ConfigMap
    Data data;
  };
  Status load();
  Status change(const Data& wanted);
  ApiResult<std::string> write(const Data& wanted);
  Status adopt(const std::string& object);
  std::string object_text(const Data& data) const;

  ApiClient& client_;
  const ObjectRef owner_;
  const std::string name_, path_;
  std::mutex mutex_;
  std::optional<Known> known_;  // nullopt: not read yet, or what we know may be wrong
};

}  // namespace rebalance
