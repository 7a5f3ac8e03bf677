// blocks.h: the memory of chunks and versions.
//
// What a publication frees is what the next one needs: blocks that were given back are kept by
// size, some megabytes in all. When there are more, sizes that nobody has asked for lately go to
// the allocator first (the clock of page replacement): chunks grow as their rows drift apart, and
// what fitted them an hour ago would fill the room. Under the address sanitizer nothing is kept, so
// that it sees who reads what was freed.
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
    for (const Class& spare : spare_) {
      for (void* const block : spare.blocks) ::operator delete(block);
    }
  }
  Blocks(const Blocks&) = delete;

  // At least `bytes`, aligned for anything. O(1), as is Give, amortised.
  void* Take(std::size_t bytes) {
    const std::size_t n = ClassOf(bytes);
    if (n >= kClasses) return ::operator new(bytes);
    spare_[n].wanted = true;
    return spare_[n].blocks.empty() ? ::operator new(BytesOf(n)) : PopSpare(n);
  }
  // REQUIRES: Take(bytes) has given it.
  void Give(const void* block, std::size_t bytes) {
    const std::size_t n = ClassOf(bytes);
    if (n >= kClasses) {
      ::operator delete(const_cast<void*>(block));
      return;
    }
    spare_[n].blocks.push_back(const_cast<void*>(block));
    spare_bytes_ += BytesOf(n);
    while (spare_bytes_ > kSpareBytesMax) ::operator delete(PopSpare(NextUnwanted()));
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

  struct Class {
    std::vector<void*> blocks;
    bool wanted = false;  // Since the hand came by.
  };

  // REQUIRES: there is one.
  void* PopSpare(std::size_t n) {
    void* const block = spare_[n].blocks.back();
    spare_[n].blocks.pop_back();
    spare_bytes_ -= BytesOf(n);
    return block;
  }
  // A class that has blocks and was not asked for since the hand came by last. The hand stays there
  // until it is empty. REQUIRES: something is kept.
  std::size_t NextUnwanted() {
    while (spare_[hand_].blocks.empty() || spare_[hand_].wanted) {
      spare_[hand_].wanted = false;
      hand_ = (hand_ + 1) % kClasses;
    }
    return hand_;
  }

  std::vector<Class> spare_;
  std::size_t hand_ = 0;
  std::uint64_t spare_bytes_ = 0;
};

}  // namespace fustor::tree
