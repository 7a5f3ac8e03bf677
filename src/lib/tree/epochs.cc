#include "lib/tree/epochs.h"

#include <algorithm>
#include <new>

namespace fustor::tree {

Pins::Pins(std::uint32_t pins_max)
    : size_(pins_max), slots_(std::make_unique<std::atomic<std::uint64_t>[]>(pins_max)) {}

std::optional<Pins::Pin> Pins::Take() const {
  const std::uint32_t start = next_.fetch_add(1, std::memory_order_relaxed);
  for (std::uint32_t i = 0; i < size_; ++i) {
    const std::uint32_t at = (start + i) % size_;
    std::uint64_t free = 0;
    Revision revision = current();
    if (slots_[at].load(std::memory_order_relaxed) != 0 ||
        !slots_[at].compare_exchange_strong(free, revision + 1, std::memory_order_seq_cst)) {
      continue;
    }
    // The writer may have moved on before it could see the pin.
    for (Revision now = current(); now != revision; now = current()) {
      revision = now;
      slots_[at].store(revision + 1, std::memory_order_seq_cst);
    }
    return Pin{at, revision};
  }
  return std::nullopt;
}

void Pins::Release(std::uint32_t slot) const { slots_[slot].store(0, std::memory_order_seq_cst); }

void Pins::Collect(std::vector<Revision>* revisions) const {
  revisions->clear();
  for (std::uint32_t i = 0; i < size_; ++i) {
    const std::uint64_t pin = slots_[i].load(std::memory_order_seq_cst);
    if (pin != 0) revisions->push_back(pin - 1);
  }
  std::sort(revisions->begin(), revisions->end());
  revisions->erase(std::unique(revisions->begin(), revisions->end()), revisions->end());
}

Retired::~Retired() {
  const auto give = [this](const std::vector<Item>& items) {
    for (const Item& item : items) {
      if (item.block != nullptr) blocks_.Give(item.block, item.bytes);
    }
  };
  give(fresh_);
  for (const auto& [pin, items] : waiting_) give(items);
}

void Retired::AddBlock(const void* block, std::uint64_t bytes, Revision born, Revision dead) {
  fresh_.push_back({block, bytes, born, dead, DirId{}});
  bytes_ += bytes;
}

void Retired::AddDir(DirId id, Revision dead) { fresh_.push_back({nullptr, 0, 0, dead, id}); }

void Retired::Settle(const Item& item) {
  // The newest pin below `dead`; the item is needed when that one is not older than `born`.
  const auto after = std::lower_bound(pinned_.begin(), pinned_.end(), item.dead);
  if (after != pinned_.begin() && *(after - 1) >= item.born) {
    waiting_[*(after - 1)].push_back(item);
    return;
  }
  if (item.block == nullptr) {
    recycle_(item.dir);
    return;
  }
  bytes_ -= item.bytes;
  blocks_.Give(item.block, item.bytes);
}

void Retired::Reclaim(const Pins& pins) {
  if (fresh_.empty() && waiting_.empty()) return;
  pins.Collect(&pinned_);
  std::vector<Item> again;
  again.swap(fresh_);
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    if (std::binary_search(pinned_.begin(), pinned_.end(), it->first)) {
      ++it;
      continue;
    }
    again.insert(again.end(), it->second.begin(), it->second.end());
    it = waiting_.erase(it);
  }
  for (const Item& item : again) Settle(item);
  again.clear();
  // Keeps the capacity for the next publication, unless it is out of proportion.
  if (again.capacity() <= 65'536) fresh_.swap(again);
}

}  // namespace fustor::tree
