#include "svc/fusion/core/suspects.h"

#include <algorithm>

namespace fustor::fusion {

void Suspects::Put(std::string_view directory, std::string_view name, Instant until,
                   std::int64_t mtime_ns) {
  if (last_dir_ == nullptr || last_path_ != directory) {
    last_dir_ = trie_.MakeDir(directory);
    last_path_ = directory;
  }
  const auto [item, is_new] = trie_.Insert(last_dir_, name);
  item->value.until = until;
  item->value.mtime_ns = mtime_ns;
  if (is_new) {
    heap_.push_back(nullptr);
    Place(heap_.size() - 1, item);
  }
  SiftUp(item->value.at);
  SiftDown(item->value.at);
}

void Suspects::Erase(std::string_view directory, std::string_view name) {
  Trie::Dir* dir = trie_.FindDir(directory);
  Item* item = dir == nullptr ? nullptr : trie_.FindIn(dir, name);
  if (item == nullptr) return;
  last_dir_ = nullptr;
  RemoveFromHeap(*item);
  trie_.Erase(item);
}

void Suspects::EraseWithin(std::string_view path) {
  if (trie_.empty()) return;
  last_dir_ = nullptr;
  trie_.EraseWithin(path, [this](const Item& item) { RemoveFromHeap(item); });
}

void Suspects::Move(std::string_view from, std::string_view to) {
  if (trie_.empty()) return;
  last_dir_ = nullptr;
  trie_.Move(from, to);
}

void Suspects::Clear() {
  last_dir_ = nullptr;
  heap_.clear();
  trie_.Clear();
}

std::optional<Suspects::Due> Suspects::Front() const {
  if (heap_.empty()) return std::nullopt;
  const Item& item = *heap_.front();
  return Due{Trie::PathOf(item.dir), *item.name, item.value.until, item.value.mtime_ns};
}

std::optional<Instant> Suspects::NextExpiry() const {
  if (heap_.empty()) return std::nullopt;
  return heap_.front()->value.until;
}

std::vector<std::pair<std::string, Instant>> Suspects::First(std::size_t count_max) const {
  std::vector<const Item*> order(heap_.begin(), heap_.end());
  const std::size_t n = std::min(count_max, order.size());
  // Equal expiries must come in the same order every time: by path.
  std::vector<std::pair<std::string, Instant>> first;
  if (n < order.size()) {
    std::nth_element(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(n), order.end(),
                     Before);
    order.resize(n);
  }
  first.reserve(n);
  for (const Item* item : order) first.emplace_back(Trie::PathOf(*item), item->value.until);
  std::sort(first.begin(), first.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second < b.second : a.first < b.first;
  });
  return first;
}

void Suspects::Place(std::size_t at, Item* item) {
  heap_[at] = item;
  item->value.at = at;
}

void Suspects::SiftUp(std::size_t at) {
  Item* item = heap_[at];
  while (at > 0 && Before(item, heap_[(at - 1) / 2])) {
    Place(at, heap_[(at - 1) / 2]);
    at = (at - 1) / 2;
  }
  Place(at, item);
}

void Suspects::SiftDown(std::size_t at) {
  Item* item = heap_[at];
  for (;;) {
    std::size_t child = 2 * at + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && Before(heap_[child + 1], heap_[child])) ++child;
    if (!Before(heap_[child], item)) break;
    Place(at, heap_[child]);
    at = child;
  }
  Place(at, item);
}

void Suspects::RemoveFromHeap(const Item& item) {
  const std::size_t at = item.value.at;
  Item* last = heap_.back();
  heap_.pop_back();
  if (last == &item) return;
  Place(at, last);
  SiftUp(at);
  SiftDown(last->value.at);
}

}  // namespace fustor::fusion
