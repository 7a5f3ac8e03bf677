// tree_walk.h: a subtree as nested JSON, in slices, across revisions.
//
// Pure. Does a bounded piece of work per Step and keeps its place by names, so that it can go on at
// another revision.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/tree/tree.h"
#include "svc/fusion/wire/node_json.h"

namespace fustor::fusion {

// Writes the children of a directory, and theirs, as the content of an array: nodes with commas
// between, each directory above the last level with "children".
class TreeWalk {
 public:
  // `levels` of children, at least one. REQUIRES: `path` is a directory of `snapshot`, whose id is
  // `dir`; `json` outlives the walk.
  TreeWalk(const NodeJson& json, std::string_view path, tree::DirId dir, std::uint32_t levels);

  // Appends nodes until `rows` are written or `*out` has reached `size_max` bytes (it ends up at
  // most one node larger). True: everything is written.
  bool Step(const tree::Snapshot& snapshot, std::uint64_t rows, std::size_t size_max,
            std::string* out);
  // Goes on at another revision. Directories that are not there any more end where they stood.
  void Rebase(const tree::Snapshot& snapshot);

 private:
  struct Frame {
    NodeJson::Parent parent;
    std::string name;  // Of the directory in the one above.
    tree::DirId dir;
    std::string last;  // Name written last.
    bool first = true;
    bool gone = false;
  };
  // False: out of rows or of room.
  bool StepFrame(const tree::Snapshot& snapshot, std::uint64_t* rows, std::size_t size_max,
                 std::string* out);

  const NodeJson& json_;
  const std::uint32_t levels_;
  std::vector<Frame> frames_;
};

// Counts the entries down to `levels` below a directory, itself included, in slices, and stops as
// soon as there are more than `count_max`. One revision.
class DepthCount {
 public:
  DepthCount(tree::DirId dir, std::uint32_t levels, std::uint64_t count_max);
  // True: counted, or over the maximum.
  bool Step(const tree::Snapshot& snapshot, std::uint64_t rows);
  std::uint64_t count() const { return count_; }

 private:
  struct Frame {
    tree::DirId dir;
    std::string last;
    bool counted = false;
  };
  const std::uint32_t levels_;
  const std::uint64_t count_max_;
  std::uint64_t count_ = 1;
  std::vector<Frame> frames_;
};

}  // namespace fustor::fusion
