// path_guesses.h: which directory was last found at a path.
//
// A table of ids by the hash of the path: a guess, which may be of another path, of a directory
// that has moved or of one that is gone. Whoever asks checks it. A few bytes per directory, at most
// 4 MiB.
//
// Pure; one thread.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "lib/tree/tree.h"

namespace fustor::tree {

class PathGuesses {
 public:
  static std::uint64_t Hash(std::string_view path) {
    constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15;
    std::uint64_t hash = path.size();
    const char* at = path.data();
    std::size_t left = path.size();
    for (; left > 8; at += 8, left -= 8) hash = Mix((hash ^ Load(at, 8)) * kOdd);
    // The last eight bytes, some of them for the second time.
    const std::uint64_t last =
        path.size() < 8 ? Load(at, left) : Load(path.data() + path.size() - 8, 8);
    return Mix(Mix((hash ^ last) * kOdd) * kOdd);
  }

  // 0: there is no guess.
  DirId Guess(std::uint64_t hash) const {
    return cells_.empty() ? DirId{} : cells_[hash & (cells_.size() - 1)];
  }
  // `dirs`: how many directories there are about. O(1), amortised.
  void Note(std::uint64_t hash, DirId dir, std::uint32_t dirs) {
    if (cells_.size() < dirs && cells_.size() < kCellsMax) Grow(dirs);
    cells_[hash & (cells_.size() - 1)] = dir;
  }
  // The cell is fetched for a Guess that comes soon.
  void Prefetch(std::uint64_t hash) const {
    if (!cells_.empty()) __builtin_prefetch(&cells_[hash & (cells_.size() - 1)]);
  }
  std::uint64_t size_bytes() const { return cells_.capacity() * sizeof(DirId); }

 private:
  static constexpr std::size_t kCellsMin = std::size_t{1} << 10;
  static constexpr std::size_t kCellsMax = std::size_t{1} << 20;

  static std::uint64_t Mix(std::uint64_t x) { return x ^ (x >> 32); }
  static std::uint64_t Load(const char* at, std::size_t bytes) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, bytes);
    return word;
  }
  // Forgets all: guesses come back as they are asked for.
  void Grow(std::uint32_t dirs) {
    std::size_t cells = kCellsMin;
    while (cells < 2 * std::size_t{dirs} && cells < kCellsMax) cells *= 2;
    cells_.assign(cells, DirId{});
  }

  std::vector<DirId> cells_;
};

}  // namespace fustor::tree
