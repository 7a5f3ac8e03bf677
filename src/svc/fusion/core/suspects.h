// suspects.h: files that were young or half written when they were last seen, in order of expiry.
//
// The list itself; what a suspect becomes when its time is over is the arbiter's to decide. Pure;
// one owner. O(log n) each, plus O(depth) to find the directory (O(1) for a run in the same one).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "svc/fusion/core/path_trie.h"

namespace fustor::fusion {

class Suspects {
 public:
  // Enters, or gives the one that is there a new expiry and mtime.
  void Put(std::string_view directory, std::string_view name, Instant until, std::int64_t mtime_ns);
  void Erase(std::string_view directory, std::string_view name);
  // At `path` and below.
  void EraseWithin(std::string_view path);
  // REQUIRES: as PathTrie::Move.
  void Move(std::string_view from, std::string_view to);
  void Clear();

  struct Due {
    std::string directory;
    std::string name;
    Instant until;
    std::int64_t mtime_ns;
  };
  // The one that expires first; nullopt when there is none.
  std::optional<Due> Front() const;
  std::optional<Instant> NextExpiry() const;
  // Paths and expiries of the first `count_max` to expire, in order.
  std::vector<std::pair<std::string, Instant>> First(std::size_t count_max) const;

  bool empty() const { return trie_.empty(); }
  std::size_t size() const { return trie_.size(); }
  std::size_t node_count() const { return trie_.node_count(); }
  bool Contains(std::string_view path) { return trie_.Find(path) != nullptr; }

 private:
  struct Record {
    Instant until;
    std::int64_t mtime_ns = 0;
    std::size_t at = 0;  // Index in heap_.
  };
  using Trie = PathTrie<Record>;
  using Item = Trie::Item;

  static bool Before(const Item* a, const Item* b) { return a->value.until < b->value.until; }
  void Place(std::size_t at, Item* item);
  void SiftUp(std::size_t at);
  void SiftDown(std::size_t at);
  void RemoveFromHeap(const Item& item);

  Trie trie_;
  std::vector<Item*> heap_;  // A binary heap; each item knows its index.
  // The directory of the last Put; forgotten whenever something is erased.
  std::string last_path_;
  Trie::Dir* last_dir_ = nullptr;
};

}  // namespace fustor::fusion
