#include <algorithm>

#include "lib/tree/writer.h"

namespace fustor::tree {
namespace {

// Sums but for latest_mtime_ns, modulo 2^64.
void Add(const Sums& from, Sums* to) {
  to->files += from.files;
  to->directories += from.directories;
  to->bytes += from.bytes;
  to->allocated_bytes += from.allocated_bytes;
  to->links += from.links;
}

Sums Negative(const Sums& sums) {
  Sums negative;
  negative.files = 0 - sums.files;
  negative.directories = 0 - sums.directories;
  negative.bytes = 0 - sums.bytes;
  negative.allocated_bytes = 0 - sums.allocated_bytes;
  negative.links = 0 - sums.links;
  return negative;
}

}  // namespace

std::uint32_t Writer::OpenSumsOf(DirId dir) {
  DirTable::Slot& slot = table_.slot(dir);
  if (slot.open_sums != 0) return slot.open_sums - 1;
  OpenSums open;
  open.dir = dir;
  if (const SumsVersion* head = slot.sums.load(std::memory_order_relaxed); head != nullptr) {
    open.value = head->sums;
  }
  open.told_latest = open.value.latest_mtime_ns;
  open_sums_.push_back(open);
  slot.open_sums = static_cast<std::uint32_t>(open_sums_.size());
  edited_ = true;
  return slot.open_sums - 1;
}

const Sums& Writer::SumsNow(DirId dir) const {
  const DirTable::Slot& slot = table_.slot(dir);
  return slot.open_sums != 0 ? open_sums_[slot.open_sums - 1].value
                             : slot.sums.load(std::memory_order_relaxed)->sums;
}

std::int64_t Writer::ToldLatest(DirId dir) const {
  const DirTable::Slot& slot = table_.slot(dir);
  return slot.open_sums != 0 ? open_sums_[slot.open_sums - 1].told_latest
                             : slot.sums.load(std::memory_order_relaxed)->sums.latest_mtime_ns;
}

void Writer::NoteUnsettled(OpenSums& sums) {
  if (sums.queued) return;
  sums.queued = true;
  unsettled_.push_back(static_cast<std::uint32_t>(&sums - open_sums_.data()));
}

void Writer::AddTo(DirId dir, const Sums& delta) {
  OpenSums& sums = open_sums_[OpenSumsOf(dir)];
  Add(delta, &sums.value);
  Add(delta, &sums.untold);
  NoteUnsettled(sums);
}

void Writer::SubtractFrom(DirId dir, const Sums& delta) { AddTo(dir, Negative(delta)); }

void Writer::Raise(DirId dir, std::int64_t mtime_ns) {
  OpenSums& sums = open_sums_[OpenSumsOf(dir)];
  if (mtime_ns < sums.value.latest_mtime_ns) return;
  sums.value.latest_mtime_ns = mtime_ns;
  sums.dirty = false;  // Nothing else can be later than the bound was.
  NoteUnsettled(sums);
}

void Writer::Lower(DirId dir, std::int64_t mtime_ns) {
  OpenSums& sums = open_sums_[OpenSumsOf(dir)];
  if (mtime_ns != sums.value.latest_mtime_ns) return;
  sums.dirty = true;
  if (sums.in_dirty) return;
  sums.in_dirty = true;
  dirty_.push_back(static_cast<std::uint32_t>(&sums - open_sums_.data()));
}

std::uint32_t Writer::DepthOf(DirId dir) const {
  std::uint32_t depth = 0;
  for (DirId d = dir; d != kRoot; d = ParentOf(d)) ++depth;
  return depth;
}

std::int64_t Writer::RecomputeLatest(DirId dir) const {
  const DirId parent = ParentOf(dir);
  std::int64_t latest = Read(parent, Locate(parent, NameOf(dir))).values.attrs.mtime_ns;
  const Children children = ChildrenOf(dir);
  for (std::size_t i = 0; i < children.size(); ++i) {
    const ChunkRef ref = children.at(i);
    if (ref.packed != nullptr) {
      latest = std::max(latest, ref.packed->LatestMtime());
      continue;
    }
    for (std::uint32_t row = 0; row < ref.open->size(); ++row) {
      latest = std::max(latest, ref.open->values(row).attrs.mtime_ns);
    }
  }
  ForEachSubdirectory(
      dir, [&](DirId child) { latest = std::max(latest, SumsNow(child).latest_mtime_ns); });
  return latest;
}

void Writer::TellParent(std::uint32_t index, std::uint32_t parent_index) {
  OpenSums& sums = open_sums_[index];
  OpenSums& parent = open_sums_[parent_index];
  Add(sums.untold, &parent.value);
  Add(sums.untold, &parent.untold);
  const std::int64_t latest = sums.value.latest_mtime_ns;
  if (latest >= parent.value.latest_mtime_ns) {
    parent.value.latest_mtime_ns = latest;
    parent.dirty = false;
  } else if (latest < sums.told_latest && parent.value.latest_mtime_ns == sums.told_latest) {
    parent.dirty = true;
  }
}

// Deepest first: when a directory's turn comes, all below it have told what they had to tell.
void Writer::Settle(bool exact) {
  if (exact) {
    for (const std::uint32_t index : dirty_) {
      open_sums_[index].in_dirty = false;
      if (open_sums_[index].dirty) NoteUnsettled(open_sums_[index]);
    }
    dirty_.clear();
  }
  std::vector<std::pair<std::uint32_t, std::uint32_t>> heap;  // Depth, index.
  for (const std::uint32_t index : unsettled_) {
    if (open_sums_[index].dir == kAboveRoot) continue;  // Gone.
    heap.emplace_back(DepthOf(open_sums_[index].dir), index);
  }
  unsettled_.clear();
  std::make_heap(heap.begin(), heap.end());
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end());
    const auto [depth, index] = heap.back();
    heap.pop_back();
    const DirId dir = open_sums_[index].dir;
    if (exact && open_sums_[index].dirty) {
      open_sums_[index].value.latest_mtime_ns = RecomputeLatest(dir);
      open_sums_[index].dirty = false;
    }
    if (dir != kRoot) {
      const std::uint32_t parent_index = OpenSumsOf(ParentOf(dir));
      TellParent(index, parent_index);
      if (!open_sums_[parent_index].queued) {
        open_sums_[parent_index].queued = true;
        heap.emplace_back(depth - 1, parent_index);
        std::push_heap(heap.begin(), heap.end());
      }
    }
    OpenSums& sums = open_sums_[index];
    sums.untold = Sums{};
    sums.told_latest = sums.value.latest_mtime_ns;
    sums.queued = false;
  }
}

}  // namespace fustor::tree
