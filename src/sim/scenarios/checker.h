// checker.h: does what Fusion shows agree with the file system, and with itself?
//
// Pure but for the pin of a revision. Each difference is one line; all are counted, the first are
// kept.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "lib/tree/tree.h"
#include "sim/file_system.h"
#include "svc/fusion/flow/view.h"

namespace fustor::sim {

struct Differences {
  static constexpr std::size_t kKept = 20;
  std::vector<std::string> first;
  std::size_t count = 0;

  void Add(std::string line);
  bool empty() const { return count == 0; }
};

struct CheckOptions {
  // A file with several links, or whose attributes changed through another one, must only be there:
  // nobody was told of this name, and what is shown of the inode may come from another link.
  bool forgive_links = true;
  // What an audit has found may be known by no agent: its event was lost.
  bool forgive_blind_spots = false;
};

// What a revision shows, by path.
using Shown = std::unordered_map<std::string, tree::Entry>;
Shown EverythingIn(const tree::Snapshot& snapshot);

// Quiet has come (what NFS clients hold open does not count): everything equals the truth and every
// flag has settled.
void CheckConverged(const FileSystem& fs, const fusion::View& view, CheckOptions options,
                    Differences* differences);

// The same as far as rows of the first generation tell of it: names, directories, sizes, and times
// as doubles hold them. REQUIRES: no file has several names.
void CheckRowsShown(const FileSystem& fs, const fusion::View& view, Differences* differences);

// What holds for every revision that a reader can see: each entry is found by its path, and the
// sums of every directory equal a recount.
void CheckRevision(const tree::Snapshot& snapshot, Differences* differences);

}  // namespace fustor::sim
