// blocks.h: the memory of chunks and versions.
//
// What a publication frees is what the next one needs: blocks that were given back are kept by
// size, some megabytes in all, and the rest goes to the allocator. Under the address sanitizer
// nothing is kept, so that it sees who reads what was freed.
//
// Pure; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

namespace fustor::tree {

class Blocks {
 public:
  Blocks() : spare_(kClasses) {}
  ~Blocks() {
    for (const std::vector<void*>& blocks : spare_) {
      for (void* const block : blocks) ::operator delete(block);
    }
  }
  Blocks(const Blocks&) = delete;

  // At least `bytes`, aligned for anything. O(1).
  void* Take(std::size_t bytes) {
    const std::size_t n = ClassOf(bytes);
    if (n >= kClasses) return ::operator new(bytes);
    if (spare_[n].empty()) return ::operator new(BytesOf(n));
    void* const block = spare_[n].back();
    spare_[n].pop_back();
    spare_bytes_ -= BytesOf(n);
    return block;
  }
  // REQUIRES: Take(bytes) has given it.
  void Give(const void* block, std::size_t bytes) {
    const std::size_t n = ClassOf(bytes);
    if (n >= kClasses || spare_bytes_ >= kSpareBytesMax) {
      ::operator delete(const_cast<void*>(block));
      return;
    }
    spare_[n].push_back(const_cast<void*>(block));
    spare_bytes_ += BytesOf(n);
  }

  std::uint64_t spare_bytes() const { return spare_bytes_; }

 private:
  static constexpr std::size_t kClasses = 320;  // Up to 17 KiB; larger ones are rare.
  static constexpr std::size_t kFine = 64;
#if __has_feature(address_sanitizer)
  static constexpr std::uint64_t kSpareBytesMax = 0;
#else
  static constexpr std::uint64_t kSpareBytesMax = 8 << 20;
#endif
  // Up to 1 KiB in steps of 16 bytes, to 8, 24, 40, ...: glibc's malloc rounds up to these anyhow.
  // Then in steps of 64, so that a chunk that is edited finds the room of one that was.
  static constexpr std::size_t BytesOf(std::size_t n) {
    return (n <= kFine ? 16 * n : 16 * kFine + 64 * (n - kFine)) + 8;
  }
  static constexpr std::size_t ClassOf(std::size_t bytes) {
    const std::size_t fine = (bytes + 7) / 16;
    return fine <= kFine ? fine : kFine + (fine - kFine + 3) / 4;
  }

  std::vector<std::vector<void*>> spare_;
  std::uint64_t spare_bytes_ = 0;
};

}  // namespace fustor::tree
