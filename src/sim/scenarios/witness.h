// witness.h: what really happened to each name, and what agents have said of it, for checks that a
// comparison with the file system alone cannot make.
//
// Listens to the file system and to the agents' links; changes nothing. Deterministic; one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "sim/file_system.h"
#include "sim/world.h"
#include "svc/agent/ports.h"

namespace fustor::sim {

class Witness final : public FsListener {
 public:
  Witness(const World& world, FileSystem& fs) : world_(world), fs_(fs) { fs_.Listen(*this); }
  ~Witness() override { fs_.Unlisten(*this); }
  Witness(const Witness&) = delete;

  // A link that tells the witness what `agent` says over it.
  std::unique_ptr<agent::FusionLink> Wrap(std::unique_ptr<agent::FusionLink> link,
                                          std::string agent);

  struct Deed {
    Instant at;
    std::int64_t file_ns = 0;  // By the server's clock.
  };
  // Since when this very entry lies at this path, with all directories above it. nullopt: nothing
  // lies there.
  std::optional<Deed> LiesThereSince(std::string_view path) const;
  // When a name was last taken away from a directory that is there now.
  std::optional<Deed> GoneSince(std::string_view path) const;
  // Whether a file has ever had several names.
  bool HasBeenLinked(std::uint64_t inode) const { return linked_.contains(inode); }

  // An agent has said in realtime that the entry is there, as of then or later (file time).
  bool WasConfirmed(const std::string& path, std::int64_t since_file_ns) const;
  // Something that agents have said in realtime may have removed the path, and Fusion may have
  // heard of it in [from, now].
  bool MayHaveBeenRemoved(std::string_view path, Instant from) const;
  // An agent has said in realtime after `since` that the path is gone, and Fusion had taken it by
  // `until`.
  bool WasToldGone(std::string_view path, Instant since, Instant until) const;

  // When the session of the agent that lives told Fusion that it has lost events, if it has not
  // ended a scan since that began later, and nobody has ended any: Fusion may have given up the
  // session.
  std::optional<Instant> UncertainSince(const std::string& agent) const;

  // What an agent has told last of a path in realtime, as it is known to Fusion now, if what others
  // have told of it cannot have come between.
  struct Telling {
    EntryAttrs attrs;
    Instant sent;
    std::optional<Instant> taken;
    std::string agent;
    std::uint64_t order = 0;  // Of everything that was told.
    bool certain = true;      // Nothing of somebody else was under way then.
  };
  // Visits those that are the truth still and have been taken by Fusion before `until`; what is not
  // true any more is forgotten.
  void VisitTrueTellings(Instant until,
                         const std::function<void(const std::string&, const Telling&)>& visit);
  // Something that was said after it, or may have arrived after it, may have removed the path.
  bool MayHaveBeenRemovedSince(std::string_view path, const Telling& telling) const;

  // When the agent last told in this session that it has lost events.
  std::optional<Instant> ToldOfLoss(const std::string& agent) const;
  // Counts the sessions of an agent.
  int SessionsOf(const std::string& agent) const;
  // What the agents have promised to each other's Fusion and not kept, since the last call.
  std::vector<std::string> TakeBroken() { return std::exchange(broken_, {}); }

  // Single entries told in realtime to the Fusion that lives.
  std::uint64_t told() const { return told_; }
  // Rows of all batches that were sent to the Fusion that lives, each batch once.
  std::uint64_t rows_sent() const { return rows_sent_; }
  // The agent's process does nothing for so long.
  void OnStandstill(const std::string& agent, Nanos length);
  // Fusion has died: what it was told it does not know any more.
  void OnFusionGone();
  // What is older is of no use to the checks.
  void ForgetBefore(Instant time);

  void OnRecord(const Record& record) override;

 private:
  friend class WitnessStream;
  friend class WitnessLink;
  struct Removal {
    std::string path;         // It, or what is below it.
    bool is_certain = false;  // Said as such, not only possible.
    std::string agent;
    std::uint64_t order = 0;
    Instant sent;
    std::optional<Instant> taken;
  };
  struct Pending {
    std::uint64_t sequence = 0;
    std::vector<std::shared_ptr<Removal>> removals;
    std::vector<std::shared_ptr<Telling>> tellings;
    bool lost_events = false;
  };
  struct Agent {
    std::deque<Pending> pending;  // Not yet acknowledged.
    std::uint64_t last_sequence = 0;
    std::uint64_t lost_at = 0;  // The batch that told of the last loss; 0: all has been cleared up.
    std::optional<Instant> loss_known_since;  // To Fusion.
    std::optional<Instant> told_of_loss;
    struct Listed {
      Instant at;
      std::uint64_t inode = 0;
    };
    std::map<std::string, Listed> listed;  // By scans of this session, as it was sent.
    int sessions = 0;
    std::map<std::uint64_t, std::uint64_t> scans;  // Going on: which batch began them.
  };
  using Place = std::pair<NodeId, std::string>;

  void OnSession(const std::string& agent);
  void OnBatch(const std::string& agent, const batch::Batch& batch);
  void OnRealtime(const std::string& agent, const batch::Batch& batch, Pending* pending);
  void OnScan(const batch::Batch& batch, Agent* state);
  void Tell(const std::string& agent, const std::string& path, const EntryAttrs& attrs,
            Pending* pending);
  bool IsBelowAFileOf(const std::string& other_than, std::string_view path) const;
  void CheckPromised(const std::string& agent, const std::string& path);
  void OnAcknowledged(const std::string& agent, std::uint64_t sequence);
  void Remove(const std::string& agent, std::string path, bool is_certain, Pending* pending);

  const World& world_;
  FileSystem& fs_;
  std::map<Place, Deed> made_;
  std::map<Place, Deed> gone_;
  std::unordered_set<std::uint64_t> linked_;
  std::map<std::string, std::int64_t> confirmed_;  // Latest ctime told.
  std::map<std::string, std::shared_ptr<Telling>> tellings_;
  std::deque<std::shared_ptr<Removal>> removals_;  // In the order of sending.
  std::map<std::string, Agent> agents_;
  std::map<std::string, Instant> still_until_;
  Instant scan_ended_at_;  // The last one, of anybody.
  std::vector<std::string> broken_;
  std::uint64_t order_ = 0;
  std::uint64_t told_ = 0;
  std::uint64_t rows_sent_ = 0;
};

}  // namespace fustor::sim
