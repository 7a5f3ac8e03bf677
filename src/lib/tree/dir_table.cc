#include "lib/tree/dir_table.h"

#include <bit>

namespace fustor::tree {

DirTable::DirTable() = default;

DirTable::~DirTable() {
  for (auto& segment : segments_) delete[] segment.load(std::memory_order_relaxed);
}

unsigned DirTable::SegmentOf(std::uint32_t id) {
  return static_cast<unsigned>(std::bit_width(id >> kFirstBits));
}

std::uint32_t DirTable::FirstOf(unsigned segment) {
  return segment == 0 ? 0 : std::uint32_t{1} << (kFirstBits + segment - 1);
}

DirTable::Slot* DirTable::Find(DirId id) const {
  const unsigned segment = SegmentOf(id.value);
  Slot* const slots = segments_[segment].load(std::memory_order_acquire);
  return slots == nullptr ? nullptr : slots + (id.value - FirstOf(segment));
}

const DirVersion* DirTable::Dir(DirId id, Revision revision) const {
  const Slot* const slot = Find(id);
  if (slot == nullptr) return nullptr;
  const DirVersion* version = slot->dir.load(std::memory_order_acquire);
  while (version != nullptr && version->revision > revision) version = version->prev;
  return version;
}

const Sums* DirTable::SumsOf(DirId id, Revision revision) const {
  const Slot* const slot = Find(id);
  if (slot == nullptr) return nullptr;
  const SumsVersion* version = slot->sums.load(std::memory_order_acquire);
  while (version != nullptr && version->revision > revision) version = version->prev;
  return version == nullptr ? nullptr : &version->sums;
}

DirId DirTable::Allocate() {
  if (!free_.empty()) {
    const DirId id = free_.back();
    free_.pop_back();
    live_[id.value] = true;
    return id;
  }
  FUSTOR_CHECK(live_.size() < UINT32_MAX, "too many directories");
  const DirId id{static_cast<std::uint32_t>(live_.size())};
  const unsigned segment = SegmentOf(id.value);
  if (id.value == FirstOf(segment)) {
    const std::size_t n = std::size_t{1} << (kFirstBits + (segment == 0 ? 0 : segment - 1));
    segments_[segment].store(new Slot[n], std::memory_order_release);
    slots_ += n;
  }
  live_.push_back(true);
  return id;
}

void DirTable::Recycle(DirId id) {
  Slot& s = slot(id);
  s.dir.store(nullptr, std::memory_order_release);
  s.sums.store(nullptr, std::memory_order_release);
  s.listed_s.store(0, std::memory_order_relaxed);
  free_.push_back(id);
}

std::uint64_t DirTable::size_bytes() const {
  return slots_ * sizeof(Slot) + live_.capacity() / 8 + free_.capacity() * sizeof(DirId);
}

}  // namespace fustor::tree
