// blind_spots.h: a list of paths that agents did not announce, bounded.
//
// Pure; one owner. When the list is full, further paths are only counted, and stay counted until
// it is cleared.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "svc/fusion/core/path_trie.h"

namespace fustor::fusion {

class BlindSpotList {
 public:
  explicit BlindSpotList(std::size_t paths_max) : paths_max_(paths_max) {}

  // O(depth log n).
  void Add(std::string_view directory, std::string_view name) {
    if (paths_.node_count() >= paths_max_) {
      typename PathTrie<Nothing>::Dir* dir = paths_.FindDir(directory);
      if (dir == nullptr || paths_.FindIn(dir, name) == nullptr) ++uncounted_;
      return;
    }
    changed_ |= paths_.Insert(paths_.MakeDir(directory), name).second;
  }
  void Erase(std::string_view path) {
    auto* item = paths_.empty() ? nullptr : paths_.Find(path);
    if (item == nullptr) return;
    paths_.Erase(item);
    changed_ = true;
  }
  // At `path` and below.
  void EraseWithin(std::string_view path) {
    if (paths_.empty()) return;
    paths_.EraseWithin(path, [this](const auto&) { changed_ = true; });
  }
  // REQUIRES: as PathTrie::Move.
  void Move(std::string_view from, std::string_view to) {
    if (paths_.empty()) return;
    paths_.Move(from, to);
    changed_ = true;
  }
  void Clear() {
    changed_ = !paths_.empty() || uncounted_ != 0;
    paths_.Clear();
    uncounted_ = 0;
  }

  bool empty() const { return paths_.empty(); }
  // How many, those that are not listed included.
  std::uint64_t count() const { return paths_.size() + uncounted_; }
  // Changed since the last call of Sorted.
  bool changed() const { return changed_; }
  bool Contains(std::string_view path) { return !paths_.empty() && paths_.Find(path) != nullptr; }
  // The first `count_max` that have none of them above; sorted. O(those, and what is above them).
  std::vector<std::string> Topmost(std::size_t count_max) const {
    std::vector<std::string> all;
    paths_.ForEachTopmost([&](const auto& item) {
      all.push_back(PathTrie<Nothing>::PathOf(item));
      return all.size() < count_max;
    });
    std::sort(all.begin(), all.end());
    return all;
  }
  std::vector<std::string> Sorted() {
    changed_ = false;
    std::vector<std::string> all;
    all.reserve(paths_.size());
    paths_.ForEach([&all](const auto& item) { all.push_back(PathTrie<Nothing>::PathOf(item)); });
    std::sort(all.begin(), all.end());
    return all;
  }

 private:
  struct Nothing {};
  const std::size_t paths_max_;
  PathTrie<Nothing> paths_;
  std::uint64_t uncounted_ = 0;
  bool changed_ = false;
};

}  // namespace fustor::fusion
