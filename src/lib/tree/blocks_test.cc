#include "lib/tree/blocks.h"

#include <gtest/gtest.h>

#include <cstring>
#include <utility>

#include "base/prng.h"

namespace fustor::tree {
namespace {

// Whatever is given back and taken again: blocks do not overlap and are as large as was asked for.
TEST(Blocks, AreLargeEnoughAndNobodyElses) {
  Blocks blocks;
  Prng prng(1);
  std::vector<std::pair<std::uint8_t*, std::size_t>> taken;
  for (int step = 0; step < 50'000; ++step) {
    if (taken.size() < 500 && prng.Chance(3, 5)) {
      const std::size_t bytes = 1 + prng.Below(prng.Chance(1, 10) ? 40'000 : 3'000);
      auto* const block = static_cast<std::uint8_t*>(blocks.Take(bytes));
      ASSERT_EQ(reinterpret_cast<std::uintptr_t>(block) % alignof(std::max_align_t), 0u);
      std::memset(block, static_cast<int>(bytes % 251), bytes);
      taken.emplace_back(block, bytes);
    } else if (!taken.empty()) {
      const std::size_t i = prng.Below(taken.size());
      const auto [block, bytes] = taken[i];
      for (std::size_t at = 0; at < bytes; ++at) ASSERT_EQ(block[at], bytes % 251) << bytes;
      blocks.Give(block, bytes);
      taken[i] = taken.back();
      taken.pop_back();
    }
  }
  for (const auto& [block, bytes] : taken) blocks.Give(block, bytes);
}

TEST(Blocks, KeepsABoundedAmount) {
  Blocks blocks;
  std::vector<void*> taken;
  for (int i = 0; i < 20'000; ++i) taken.push_back(blocks.Take(2'000));
  for (void* const block : taken) blocks.Give(block, 2'000);
  EXPECT_LE(blocks.spare_bytes(), 8u << 20);
#if !__has_feature(address_sanitizer)
  const std::uint64_t spare = blocks.spare_bytes();
  EXPECT_GT(spare, 4u << 20);
  blocks.Give(blocks.Take(2'040), 2'040);
  EXPECT_EQ(blocks.spare_bytes(), spare) << "of the same size class";
#endif
}

#if !__has_feature(address_sanitizer)
// What was kept of a size that nobody asks for any more makes room for one that is in use.
TEST(Blocks, SizesThatNobodyAsksForGoFirst) {
  Blocks blocks;
  // Takes so many blocks and gives them back; the part of them that was there already.
  const auto kept = [&](std::size_t bytes, int count) {
    const std::uint64_t before = blocks.spare_bytes();
    std::vector<void*> taken;
    for (int i = 0; i < count; ++i) taken.push_back(blocks.Take(bytes));
    const std::uint64_t used = before - blocks.spare_bytes();
    for (void* const block : taken) blocks.Give(block, bytes);
    return static_cast<double>(used) / static_cast<double>(bytes) / count;
  };
  kept(2'000, 20'000);  // All the room there is.
  for (int round = 0; round < 5; ++round) kept(3'000, 1'000);
  EXPECT_GT(kept(3'000, 1'000), 0.99);
  EXPECT_GT(kept(2'000, 1'000), 0.99) << "what fits stays";
}
#endif

}  // namespace
}  // namespace fustor::tree
