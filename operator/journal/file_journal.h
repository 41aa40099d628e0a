// Intents in a state folder: one JSON document `intents.json`, rewritten whole.
#pragma once

#include <memory>
#include <mutex>

#include "journal/state_folder.h"
#include "model/intent.h"

namespace rebalance {

class FileJournal : public IntentLog {
 public:
  // Reads what an earlier run left. kInvalidInput when the document cannot be understood: it is never
  // ignored. `folder` must outlive the journal.
  static Result<std::unique_ptr<FileJournal>> open(StateFolder& folder);
  ~FileJournal() override;  // writes the closes that are not yet durable

  Status open(const MoveIntent& intent) override;
  // Becomes durable with the next open(), with flush(), or when no intent is left.
  Status close(const NodeId& source, const NodeId& target, const SlotSet& slots) override;
  std::vector<MoveIntent> intents() const override;
  Status flush();

 private:
  explicit FileJournal(StateFolder& folder) : folder_(folder) {}
  Status write();  // mutex_ held
  StateFolder& folder_;
  mutable std::mutex mutex_;
  std::vector<MoveIntent> intents_;
  bool dirty_ = false;
};

}  // namespace rebalance
