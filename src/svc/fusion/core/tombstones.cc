#include "svc/fusion/core/tombstones.h"

#include <algorithm>

namespace fustor::fusion {

void Tombstones::Lay(std::string_view path, std::int64_t watermark_ns, std::int64_t wall_ns,
                     Moment by) {
  const auto [parent, name] = SplitPath(path);
  if (name.empty()) return;
  std::int64_t others_ns = INT64_MIN;
  if (const Trie::Item* there = trie_.empty() ? nullptr : trie_.Find(path); there != nullptr) {
    const Stone& old = there->value;
    const bool mine = old.laid.session == by.session || by.Follows(old.laid);
    others_ns = mine ? old.others_ns : old.watermark_ns;
    watermark_ns = std::max(watermark_ns, others_ns);
  }
  EraseWithin(path);
  Trie::Item* item = trie_.Insert(path).first;
  item->value = {watermark_ns, wall_ns, by, others_ns, by_age_.insert(by_age_.end(), item)};
}

void Tombstones::SetClock(Nanos ahead) {
  if (ahead <= Nanos(0)) return;
  for (void* const at : by_age_) {
    Stone& stone = static_cast<Trie::Item*>(at)->value;
    if (stone.watermark_ns < stone.wall_ns) continue;  // As old as a look that was told with it.
    stone.watermark_ns = std::max(stone.watermark_ns, stone.wall_ns + ahead.count());
    if (stone.others_ns == INT64_MIN) continue;
    const std::int64_t guessed_ns = std::min(stone.others_ns, stone.wall_ns);
    stone.others_ns = std::max(stone.others_ns, guessed_ns + ahead.count());
  }
}

void Tombstones::EraseAlong(std::string_view path) {
  if (trie_.empty()) return;
  // An ancestor's tombstone and the path's own are independent: look at each prefix once.
  std::string_view rest = path;
  Trie::Dir* dir = trie_.FindDir("/");
  while (dir != nullptr) {
    const std::string_view name = NextComponent(&rest);
    if (name.empty()) return;
    const auto below = dir->dirs.find(name);
    Trie::Dir* next = below == dir->dirs.end() ? nullptr : below->second.get();
    // Erasing prunes empty directories upward only, so `next` survives when it holds something.
    if (Trie::Item* item = trie_.FindIn(dir, name); item != nullptr) Erase(item);
    dir = next;
  }
}

void Tombstones::EraseWithin(std::string_view path) {
  if (trie_.empty()) return;
  trie_.EraseWithin(path, [this](Trie::Item& item) { by_age_.erase(item.value.age); });
}

void Tombstones::Erase(Trie::Item* stone) {
  by_age_.erase(stone->value.age);
  trie_.Erase(stone);
}

template <class Visit>
void Tombstones::VisitAlong(std::string_view path, Visit visit) {
  if (trie_.empty()) return;
  std::string_view rest = path;
  for (Trie::Dir* dir = trie_.FindDir("/"); dir != nullptr;) {
    const std::string_view name = NextComponent(&rest);
    if (name.empty()) break;
    if (const Trie::Item* item = trie_.FindIn(dir, name); item != nullptr) visit(item->value);
    const auto below = dir->dirs.find(name);
    dir = below == dir->dirs.end() ? nullptr : below->second.get();
  }
}

std::optional<std::int64_t> Tombstones::Covering(std::string_view path, Gathered evidence) {
  std::optional<std::int64_t> highest;
  VisitAlong(path, [&](const Stone& stone) {
    const std::int64_t watermark_ns = WatermarkFor(stone, evidence);
    if (watermark_ns != INT64_MIN) highest = std::max(highest.value_or(INT64_MIN), watermark_ns);
  });
  return highest;
}

bool Tombstones::IsCoveredByOthers(std::string_view path, std::int64_t wall_ns,
                                   SessionKey session) {
  bool covered = false;
  VisitAlong(path, [&](const Stone& stone) {
    covered = covered || (stone.wall_ns > wall_ns && stone.laid.session != session);
  });
  return covered;
}

Tombstones::Trie::Dir* Tombstones::In(std::string_view directory) {
  if (trie_.empty()) return nullptr;
  Trie::Dir* dir = trie_.FindDir(directory);
  return dir == nullptr || dir->items.empty() ? nullptr : dir;
}

void Tombstones::Purge(std::int64_t wall_ns, std::size_t count_max) {
  for (std::size_t i = 0; i < count_max && !by_age_.empty(); ++i) {
    auto* oldest = static_cast<Trie::Item*>(by_age_.front());
    if (oldest->value.wall_ns >= wall_ns) return;
    Erase(oldest);
  }
}

std::size_t Tombstones::Shrink(std::size_t nodes_max) {
  std::size_t count = 0;
  for (; trie_.node_count() > nodes_max && !by_age_.empty(); ++count) {
    Erase(static_cast<Trie::Item*>(by_age_.front()));
  }
  return count;
}

void Tombstones::Clear() {
  trie_.Clear();
  by_age_.clear();
}

}  // namespace fustor::fusion
