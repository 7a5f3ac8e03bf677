// node.h: a configuration file as a tree of values that know where they stand.
//
// Pure data; adapters/yaml makes it. A scalar is kept as text: what it means is decided by whoever
// reads it (reader.h).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace fustor::config {

// A place in a file; lines and columns count from 1, 0 means not known.
struct Mark {
  std::shared_ptr<const std::string> file;
  int line = 0;
  int column = 0;

  // "fusion-config/default.yaml:12:3"
  std::string ToString() const;
};

struct Member;

struct Node {
  enum class Kind { kNull, kScalar, kList, kMap };

  Kind kind = Kind::kNull;
  Mark mark;
  std::string scalar;
  bool quoted = false;          // A quoted scalar is text, whatever it looks like.
  std::vector<Node> items;      // kList.
  std::vector<Member> members;  // kMap; keys are unique.

  // nullptr when there is no such member. O(members).
  const Node* Find(std::string_view key) const;
};

struct Member {
  std::string key;
  Mark mark;
  Node value;
};

// Makes one configuration of several files, which share one name space: members of maps at the top
// are united, everything else may stand in one file only. REQUIRES: every root is a map or null.
// Errors: kInvalidArgument that names both places.
Result<Node> Merge(std::vector<Node> roots);

}  // namespace fustor::config
