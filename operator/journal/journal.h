// Intents as one JSON document `intents.json`, rewritten whole.
#pragma once

#include <memory>
#include <mutex>

#include "kube/document_store.h"
#include "model/intent.h"

namespace rebalance {

class Journal : public IntentLog {
 public:
  // Reads what an earlier run left. kInvalidInput when the document cannot be understood: it is never
  // ignored. `documents` must outlive the journal.
  static Result<std::unique_ptr<Journal>> open(DocumentStore& documents);
  ~Journal() override;  // writes the closes that are not yet durable

  Status open(const MoveIntent& intent) override;
  Status begin(const NodeId& source, const NodeId& target, const SlotSet& slots) override;
  // Becomes durable with the next open(), with flush(), or when no intent is left.
  Status close(const NodeId& source, const NodeId& target, const SlotSet& slots) override;
  std::vector<MoveIntent> intents() const override;
  Status flush();

 private:
  explicit Journal(DocumentStore& documents) : documents_(documents) {}
  Status write();  // mutex_ held
  DocumentStore& documents_;
  mutable std::mutex mutex_;
  std::vector<MoveIntent> intents_;
  bool dirty_ = false;
};

}  // namespace rebalance
