// name_order.h: sorts names bytewise, fast for many that share a prefix.
//
// Deterministic. Not thread-safe: one NameOrder keeps its memory from call to call.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace fustor {

class NameOrder {
 public:
  // The places of `names` in ascending order of the names, equal ones in the order given; valid
  // until the next call. Empty when they are in order already. REQUIRES: fewer than 2^32 names, no
  // NUL in them. O(n) where eight bytes behind the common prefix tell the names apart, else
  // O(n log n).
  std::span<const std::uint32_t> Sort(std::span<const std::string_view> names);

 private:
  struct Item {
    std::uint64_t key;  // Comparing keys compares the first eight bytes after the common prefix.
    std::uint32_t row;
  };
  void RadixSort(std::uint64_t differing);
  void SortEqualKeys(std::span<const std::string_view> names);

  std::vector<Item> items_;
  std::vector<Item> other_;
  std::vector<std::uint32_t> order_;
};

}  // namespace fustor
