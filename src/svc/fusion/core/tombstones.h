// tombstones.h: what was deleted in realtime, so that older evidence cannot bring it back.
//
// A tombstone stands for its path and for everything below. Pure; one owner. Bounded: beyond the
// limit the oldest go first.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string_view>

#include "svc/fusion/core/path_trie.h"

namespace fustor::fusion {

class Tombstones {
 public:
  struct Stone {
    std::int64_t watermark_ns = 0;   // In file time: what is not newer is older than the deletion.
    std::int64_t wall_ns = 0;        // When it was laid.
    std::list<void*>::iterator age;  // Into by_age_.
  };
  using Trie = PathTrie<Stone>;

  // Lays a tombstone or renews the one that is there; those below it have nothing more to say.
  // O(depth + tombstones below).
  void Lay(std::string_view path, std::int64_t watermark_ns, std::int64_t wall_ns);

  // Removes those at `path` and at the directories above it: the path exists.
  void EraseAlong(std::string_view path);
  // Removes those at `path` and below it.
  void EraseWithin(std::string_view path);
  void Erase(Trie::Item* stone);

  // The highest watermark at `path` or at a directory above it. O(depth).
  std::optional<std::int64_t> Covering(std::string_view path);
  // The tombstones of the entries of one directory; nullptr when there are none. Valid until the
  // next change.
  Trie::Dir* In(std::string_view directory);

  // Removes, oldest first, those laid before `wall_ns`, at most `count_max`.
  void Purge(std::int64_t wall_ns, std::size_t count_max);
  // Removes the oldest until items and directories are at most `nodes_max`; returns how many.
  std::size_t Shrink(std::size_t nodes_max);
  void Clear();

  bool empty() const { return trie_.empty(); }
  std::size_t size() const { return trie_.size(); }
  const Trie& trie() const { return trie_; }

 private:
  Trie trie_;
  std::list<void*> by_age_;  // Trie::Item*, oldest first.
};

}  // namespace fustor::fusion
