// seen_paths.h: which paths an audit has shown, when it shows rows and no listings.
//
// Pure; one owner. A path is eight bytes: its hash. Two paths with one hash would hide that one of
// them is missing until the next audit; nothing else. Bounded: past kPathsMax nothing is concluded.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "base/path.h"

namespace fustor::fusion {

class SeenPaths {
 public:
  static constexpr std::size_t kPathsMax = std::size_t{1} << 25;

  static std::uint64_t HashOf(std::string_view directory) {
    return std::hash<std::string_view>{}(directory);
  }

  // `directory_hash`: HashOf the directory that holds the entry.
  void Add(std::uint64_t directory_hash, std::string_view name) {
    Put(Mix(directory_hash, HashOf(name)));
  }
  // The directory's own row has come; all that is in it comes with the same audit.
  void AddListed(std::string_view directory) {
    if (directory == "/") root_listed_ = true;
    Put(HashOf(directory) ^ kListed);
  }

  // No more comes. False: nothing may be concluded (there was too much, or the audit did not begin
  // at the root: it is a part of another one).
  bool Settle() {
    std::sort(hashes_.begin(), hashes_.end());
    return root_listed_ && !overflow_;
  }
  // REQUIRES: Settle.
  bool Has(std::uint64_t directory_hash, std::string_view name) const {
    return Find(Mix(directory_hash, HashOf(name)));
  }
  bool IsListed(std::uint64_t directory_hash) const { return Find(directory_hash ^ kListed); }

 private:
  static constexpr std::uint64_t kListed = 0x9E37'79B9'7F4A'7C15;

  static std::uint64_t Mix(std::uint64_t a, std::uint64_t b) {
    const auto product =
        static_cast<unsigned __int128>(a ^ 0xD6E8'FEB8'6659'FD93) * (b ^ 0xA076'1D64'78BD'642F);
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }
  void Put(std::uint64_t hash) {
    if (hashes_.size() < kPathsMax) {
      hashes_.push_back(hash);
    } else {
      overflow_ = true;
    }
  }
  bool Find(std::uint64_t hash) const {
    return std::binary_search(hashes_.begin(), hashes_.end(), hash);
  }

  std::vector<std::uint64_t> hashes_;
  bool root_listed_ = false;
  bool overflow_ = false;
};

}  // namespace fustor::fusion
