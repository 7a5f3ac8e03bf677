// doomed.h: what scans have found missing, until it is known how much that is.
//
// Pure; one owner. Paths with the number of entries that would go with each; the topmost missing
// directory stands for all below it. Whatever is seen of a path takes it, and what is above it, out
// again; a rename takes it along. Bounded: past nodes_max nothing more is kept, and overflow() says
// so. About 150 bytes a path; O(depth log n) each.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "svc/fusion/core/arbiter_types.h"
#include "svc/fusion/core/path_trie.h"

namespace fustor::fusion {

class Doomed {
 public:
  struct Fate {
    std::uint64_t entries = 0;  // That go with it, itself included.
    SessionKey session;         // Who has missed it.
    bool blind = false;         // Nobody had announced it: it will be a blind-spot deletion.
  };
  using Trie = PathTrie<Fate>;
  explicit Doomed(std::size_t nodes_max) : nodes_max_(nodes_max) {}

  // False: there is no room for it.
  bool Add(std::string_view directory, std::string_view name, Fate fate) {
    if (trie_.node_count() >= nodes_max_) {
      overflow_ = true;
      return false;
    }
    const auto [item, added] = trie_.Insert(trie_.MakeDir(directory), name);
    if (!added) entries_ -= item->value.entries;
    entries_ += fate.entries;
    item->value = fate;
    return true;
  }
  // The path exists, and so does all above it.
  void Spare(std::string_view path) {
    for (; !trie_.empty() && path.size() > 1; path = SplitPath(path).first) {
      if (auto* item = trie_.Find(path); item != nullptr) Erase(item);
    }
  }
  // The directory is listed anew.
  void SpareIn(std::string_view directory) {
    if (trie_.empty()) return;
    auto* dir = trie_.FindDir(directory);
    while (dir != nullptr && !dir->items.empty()) {
      Erase(&dir->items.begin()->second);
      dir = trie_.FindDir(directory);  // It may be gone with its last item.
    }
  }
  void SpareName(std::string_view directory, std::string_view name) {
    auto* dir = trie_.empty() ? nullptr : trie_.FindDir(directory);
    auto* item = dir == nullptr ? nullptr : trie_.FindIn(dir, name);
    if (item != nullptr) Erase(item);
  }
  void EraseWithin(std::string_view path) {
    if (trie_.empty()) return;
    trie_.EraseWithin(path, [this](const auto& item) { entries_ -= item.value.entries; });
  }
  // REQUIRES: as PathTrie::Move.
  void Move(std::string_view from, std::string_view to) {
    if (!trie_.empty()) trie_.Move(from, to);
  }
  // What only this session has missed.
  void DropSession(SessionKey session) {
    std::vector<std::string> paths;
    trie_.ForEach([&](const auto& item) {
      if (item.value.session == session) paths.push_back(Trie::PathOf(item));
    });
    for (const std::string& path : paths) Erase(trie_.Find(path));
    if (trie_.empty()) overflow_ = false;
  }
  // Takes over all that `other` has, whatever the bound.
  void Absorb(Doomed* other) {
    while (std::optional<std::pair<std::string, Fate>> taken = other->Take()) {
      const auto [item, added] = trie_.Insert(taken->first);
      if (!added) entries_ -= item->value.entries;
      entries_ += taken->second.entries;
      item->value = taken->second;
    }
    other->overflow_ = false;
  }
  // Any of them, no longer in here; nullopt: there is none.
  std::optional<std::pair<std::string, Fate>> Take() {
    auto* item = trie_.First();
    if (item == nullptr) return std::nullopt;
    std::pair<std::string, Fate> taken{Trie::PathOf(*item), item->value};
    Erase(item);
    return taken;
  }
  void Clear() {
    trie_.Clear();
    entries_ = 0;
    overflow_ = false;
  }

  bool empty() const { return trie_.empty(); }
  std::size_t size() const { return trie_.size(); }
  // As many as there were when they were missed: some may be counted twice, some have gone since.
  std::uint64_t entries() const { return entries_; }
  // Each that does not lie in another one.
  template <class F>
  void ForEachTopmost(F visit) const {
    trie_.ForEachTopmost([&visit](const Trie::Item& item) {
      visit(item);
      return true;
    });
  }
  // Something was missing that there was no room for.
  bool overflow() const { return overflow_; }

 private:
  void Erase(Trie::Item* item) {
    entries_ -= item->value.entries;
    trie_.Erase(item);
  }

  const std::size_t nodes_max_;
  Trie trie_;
  std::uint64_t entries_ = 0;
  bool overflow_ = false;
};

}  // namespace fustor::fusion
