// seen_inodes.h: which inodes of several names have been met, in bounded memory.
//
// Pure. Sixteen bytes a slot, between two and four slots an inode.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/tree/tree.h"

namespace fustor::tree {

// Spreads the bits of a number over all of them.
inline std::uint64_t MixBits(std::uint64_t n) {
  n ^= n >> 32;
  n *= 0xd6e8feb86659fd93u;
  n ^= n >> 32;
  n *= 0xd6e8feb86659fd93u;
  return n ^ n >> 32;
}

class SeenInodes {
 public:
  explicit SeenInodes(std::size_t inodes_max) : inodes_max_(inodes_max) {}

  // Whether this is the first name of its inode: directories, what has one link, and what has no
  // known inode always are. When full, whatever has not been met is taken as a first name, too.
  // `within` tells inodes apart that are to be counted again.
  bool IsFirst(const Snapshot::Row& row, std::uint64_t within = 0) {
    if (row.kind() == EntryKind::kDirectory || row.nlink() <= 1) return true;
    const std::uint64_t inode = row.inode();
    return inode == 0 || Insert({inode, MixBits(row.device()) ^ within});
  }
  // Whether some could not be kept.
  bool full() const { return full_; }

 private:
  using Key = std::array<std::uint64_t, 2>;  // The inode is never 0: so is a free slot.

  bool Insert(const Key& key) {
    if (count_ * 2 >= slots_.size()) Grow();
    Key* const slot = SlotOf(key);
    if (*slot == key) return false;
    if (count_ >= inodes_max_) {
      full_ = true;
      return true;
    }
    *slot = key;
    ++count_;
    return true;
  }
  Key* SlotOf(const Key& key) {
    std::size_t at = MixBits(key[0] ^ MixBits(key[1])) & (slots_.size() - 1);
    while (slots_[at][0] != 0 && slots_[at] != key) at = (at + 1) & (slots_.size() - 1);
    return &slots_[at];
  }
  void Grow() {
    std::vector<Key> old(std::max<std::size_t>(1024, slots_.size() * 2));
    old.swap(slots_);
    for (const Key& key : old) {
      if (key[0] != 0) *SlotOf(key) = key;
    }
  }

  std::size_t inodes_max_;
  std::vector<Key> slots_;
  std::size_t count_ = 0;
  bool full_ = false;
};

}  // namespace fustor::tree
