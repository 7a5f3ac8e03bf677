#include "lib/tree/open_chunk.h"

#include <cstring>

namespace fustor::tree {
namespace {

// Below this an arena is not worth compacting.
constexpr std::uint64_t kGarbageMin = 32 * 1024;
// A larger one is given back when the chunk is cleared.
constexpr std::size_t kArenaKept = 64 * 1024;

}  // namespace

std::uint32_t OpenChunk::LowerBound(std::string_view wanted, bool* found) const {
  *found = false;
  if (size_ == 0) return 0;
  const int last = name(size_ - 1).compare(wanted);
  if (last < 0) return size_;  // Rows that come in order.
  std::uint32_t low = 0;
  std::uint32_t high = size_ - 1;
  while (low < high) {
    const std::uint32_t middle = (low + high) / 2;
    if (name(middle) < wanted) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  *found = name(low) == wanted;
  return low;
}

std::uint32_t OpenChunk::Store(std::string_view bytes) {
  const auto at = static_cast<std::uint32_t>(arena_.size());
  arena_.append(bytes);
  return at;
}

void OpenChunk::Insert(std::uint32_t i, std::string_view name, const RowValues& values,
                       std::string_view target) {
  FUSTOR_CHECK(size_ < kRowsMax && i <= size_);
  if (garbage_ > kGarbageMin && garbage_ > arena_.size() / 2) Compact();
  std::memmove(order_ + i + 1, order_ + i, size_ - i);
  order_[i] = static_cast<std::uint8_t>(size_);
  Slot& slot = slots_[size_++];
  slot.values = values;
  slot.name_at = Store(name);
  slot.name_size = static_cast<std::uint8_t>(name.size());
  slot.target_at = Store(target);
  slot.target_size = static_cast<std::uint16_t>(target.size());
}

void OpenChunk::Update(std::uint32_t i, const RowValues& values, std::string_view target) {
  Slot& slot = slots_[order_[i]];
  slot.values = values;
  if (target == this->target(i)) return;
  garbage_ += slot.target_size;
  slot.target_size = 0;
  if (garbage_ > kGarbageMin && garbage_ > arena_.size() / 2) Compact();
  slot.target_at = Store(target);
  slot.target_size = static_cast<std::uint16_t>(target.size());
}

void OpenChunk::Erase(std::uint32_t i) {
  const std::uint8_t gone = order_[i];
  garbage_ += slots_[gone].name_size + std::uint64_t{slots_[gone].target_size};
  std::memmove(order_ + i, order_ + i + 1, size_ - i - 1);
  --size_;
  if (gone == size_) return;
  // The last slot moves into the hole.
  slots_[gone] = slots_[size_];
  for (std::uint32_t k = 0; k < size_; ++k) {
    if (order_[k] == size_) {
      order_[k] = gone;
      return;
    }
  }
}

void OpenChunk::MoveTail(std::uint32_t from, OpenChunk* to) {
  const std::uint32_t n = size_;
  for (std::uint32_t i = from; i < n; ++i) {
    to->Insert(to->size(), name(i), values(i), target(i));
  }
  while (size_ > from) Erase(size_ - 1);
}

void OpenChunk::Compact() {
  std::string old;
  old.swap(arena_);
  for (std::uint32_t i = 0; i < size_; ++i) {
    Slot& slot = slots_[order_[i]];
    slot.name_at = Store({old.data() + slot.name_at, slot.name_size});
    slot.target_at = Store({old.data() + slot.target_at, slot.target_size});
  }
  garbage_ = 0;
}

void OpenChunk::Clear() {
  size_ = 0;
  garbage_ = 0;
  arena_.clear();
  if (arena_.capacity() > kArenaKept) arena_.shrink_to_fit();
}

void OpenChunk::Load(const Chunk& chunk) {
  Clear();
  const ChunkView view(chunk);
  const ChunkNames& names = view.names();
  size_ = names.size();
  const bool targets = !view.IsConstant(kTargetEnds) || view.Value(kTargetEnds, 0) != 0;
  for (std::uint32_t i = 0; i < size_; ++i) {
    order_[i] = static_cast<std::uint8_t>(i);
    Slot& slot = slots_[i];
    const std::string_view rest = names.rest(i);
    slot.values = view.Load(i);
    slot.name_at = Store(names.prefix());
    slot.name_size = static_cast<std::uint8_t>(names.prefix().size() + rest.size());
    arena_.append(rest);
    const std::string_view target = targets ? view.target(i) : std::string_view();
    slot.target_at = Store(target);
    slot.target_size = static_cast<std::uint16_t>(target.size());
  }
}

}  // namespace fustor::tree
