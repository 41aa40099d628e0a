// Is the cluster one healthy whole? Compares what every node says; pure.
#pragma once

#include <vector>

#include "model/cluster.h"

namespace rebalance {

// Findings in the order of this list, each at most once for one `where`; nothing to find gives an empty list.
// Names:
//
//   ForeignNode             pods of two clusters, or a node that was never introduced          blocker
//   MissingNode             gossip knows a node that no pod gave                               blocker;
//   warning if it is
//                                                                                              failed and
//                                                                                              owns nothing
//   NodeFailing             somebody flags it PFAIL or FAIL                                    blocker
//   Loading                 reads its data from disk                                           blocker
//   ClusterStateNotOk       cluster_state is not ok on a node                                  blocker
//   SlotsUnassigned         nobody names an owner                                              blocker
//   SlotsOwnedTwice         two nodes claim a slot                                             blocker
//   ViewsDisagree           two nodes name different owners or roles                           blocker
//   EqualConfigEpochs       two primaries share a config epoch                                 blocker;
//   warning if one is empty OpenSlots               slots marked migrating or importing on a primary blocker
//   ReplicaOpenSlots        the same on a replica (a stale mark, if its primary has none)        warning
//   ForeignMigration        an atomic slot migration is under way                              blocker
//   AnnouncedAddressDiffers gossip's address of a node is not its pod's                        warning;
//   blocker if it is
//                                                                                              another pod's
//   ReplicaNotInSync        link down, or 10 MiB and more behind                               warning
//   NoReplicaNoPersistence  a primary whose data is in its memory alone                        warning
//   MixedVersions           more than one major.minor or product                               warning
//   MaxmemoryUnset          a primary without maxmemory                                        warning
//   EvictionPossible        maxmemory with a policy that removes keys                          warning
//
// and those of model/readiness.h.
//
// Warnings that a spec can turn into blockers (replicas, persistence, eviction) are judged by those who know
// the spec.
std::vector<Finding> examine(const ClusterState& cluster);

}  // namespace rebalance
