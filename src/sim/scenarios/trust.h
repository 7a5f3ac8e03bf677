// trust.h: what must hold at every moment, while hosts write, crash and are cut off.
//
// Compares what readers see now with what they saw at the last look and with what really happened:
//  - revisions only grow, each is whole, and its sums equal a recount;
//  - what realtime has confirmed is never removed by older evidence;
//  - what was deleted does not come back by evidence that is older than the deletion, or than what
//  is
//    known of its directory;
//  - what realtime has told, and is still so, is shown;
//  - a batch that is sent again is applied once;
//  - what an audit has found and is still hot is a suspect;
//  - whoever loses events tells so, and keeps to the order that arbitration.md asks of agents;
//  - after lost events something is uncertain until a scan that began later has ended.
// Deterministic; one thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/scenarios/checker.h"
#include "sim/scenarios/witness.h"
#include "svc/fusion/flow/view.h"

namespace fustor::sim {

class Trust {
 public:
  struct Options {
    Nanos hot_file_threshold{0};
    bool recount = true;  // Check the whole revision, too.
  };
  Trust(const World& world, const FileSystem& fs, Witness& witness, Options options)
      : world_(world), fs_(fs), witness_(witness), options_(options) {}

  // `life` counts Fusion's lives. `agents` run now.
  void Look(const fusion::View& view, int life, const std::vector<std::string>& agents,
            Differences* differences);

  // How often an agent has lost events in this life of its process. Whoever has lost some tells
  // Fusion in the same session, or begins another one.
  struct Losses {
    int life = 0;
    bool connected = false;
    std::uint64_t overflows = 0;
  };
  void LookAtLosses(const std::string& agent, Losses losses, Differences* differences);

 private:
  struct Owed {
    Losses losses;
    int sessions = 0;
    Instant looked_at;
    std::optional<Instant> since;
  };
  // Of a path or an inode with an mtime: a suspect whose mtime is as it was is one no longer,
  // whatever else has changed.
  struct Content {
    Instant since;  // The look before the first that showed it.
    Instant last;   // The last one that did.
  };
  using Contents = std::map<std::pair<std::string, std::int64_t>, Content>;
  void CheckTold(const Shown& shown, Differences* differences);
  void CheckRemoved(const std::string& path, const tree::Entry& was, Differences* differences);
  void CheckAppeared(const std::string& path, const tree::Entry& is, const Shown& now,
                     Differences* differences);
  bool HasMoved(const tree::Entry& is, const Shown& now) const;
  void NoteShownUntilNow();
  void NoteContents(const Shown& now);
  void CheckHot(const std::string& path, const tree::Entry& is, WallTime estimate,
                Differences* differences);

  const World& world_;
  const FileSystem& fs_;
  Witness& witness_;
  const Options options_;
  std::map<std::string, Owed> owed_;  // By agent.
  int life_ = 0;
  tree::Revision revision_ = 0;
  Instant looked_at_;
  Shown before_;
  Contents contents_, past_contents_;
};

}  // namespace fustor::sim
