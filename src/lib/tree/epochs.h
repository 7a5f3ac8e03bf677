// epochs.h: which revisions readers hold, and what must wait for them.
//
// Pins: a fixed array of slots, each free or holding a revision. A reader takes a slot with one
// compare-and-swap and then looks whether its revision is still the current one; with sequentially
// consistent order either it sees the newer revision and moves on, or the writer sees its pin.
// Retired: blocks that are no part of the newest revision, sorted by who still needs them.
//
// Threads: Pins::Take and Release from any thread; everything else is the writer's.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "lib/tree/blocks.h"
#include "lib/tree/tree.h"

namespace fustor::tree {

class Pins {
 public:
  struct Pin {
    std::uint32_t slot;
    Revision revision;
  };

  explicit Pins(std::uint32_t pins_max);

  // Pins the current revision; nullopt when all slots are taken. O(1) unless nearly full.
  std::optional<Pin> Take() const;
  void Release(std::uint32_t slot) const;
  Revision current() const { return current_.load(std::memory_order_seq_cst); }

  // Everything of `revision` must be in place.
  void Advance(Revision revision) { current_.store(revision, std::memory_order_seq_cst); }
  // The pinned revisions, ascending, each once. O(pins_max).
  void Collect(std::vector<Revision>* revisions) const;
  std::uint64_t size_bytes() const { return size_ * sizeof(std::atomic<std::uint64_t>); }

 private:
  std::uint32_t size_;
  // 0: free; else revision + 1.
  std::unique_ptr<std::atomic<std::uint64_t>[]> slots_;
  mutable std::atomic<std::uint32_t> next_{0};
  std::atomic<Revision> current_{0};
};

class Retired {
 public:
  // What is called for a directory number that no reader sees any more. `blocks` takes what is
  // freed; it must outlive this.
  Retired(Blocks& blocks, std::function<void(DirId)> recycle)
      : blocks_(blocks), recycle_(std::move(recycle)) {}
  ~Retired();
  Retired(const Retired&) = delete;

  // A block from `blocks` that revisions in [born, dead) reach. A block that is passed on the
  // way to an older one (a version in a chain) is reached by every revision before `dead`: born 0.
  void AddBlock(const void* block, std::uint64_t bytes, Revision born, Revision dead);
  void AddDir(DirId id, Revision dead);

  // Frees what no pin needs. Cost: what was added since, and what waited for pins that are gone.
  void Reclaim(const Pins& pins);

  std::uint64_t bytes() const { return bytes_; }

 private:
  struct Item {
    const void* block;  // nullptr: a directory number.
    std::uint64_t bytes;
    Revision born, dead;
    DirId dir;
  };
  void Settle(const Item& item);

  Blocks& blocks_;
  std::function<void(DirId)> recycle_;
  std::vector<Item> fresh_;
  std::map<Revision, std::vector<Item>> waiting_;  // By the newest pin that needs them.
  std::vector<Revision> pinned_;
  std::uint64_t bytes_ = 0;
};

}  // namespace fustor::tree
