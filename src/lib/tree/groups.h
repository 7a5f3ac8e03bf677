// groups.h: how many entries, and how much, per age, size, extension, owner...
//
// Pure. Memory is bounded: at most `groups_max` groups are kept apart; what belongs to further ones
// is summed up in `rest`. An entry of a known group costs no allocation.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lib/tree/ranking.h"
#include "lib/tree/seen_inodes.h"

namespace fustor::tree {

enum class Dimension : std::uint8_t { kAge, kSize, kExtension, kOwner, kGroup, kDepth, kType };

// Sums over entries, one by one: nothing of what lies below a directory is in them.
struct GroupSums {
  std::uint64_t files = 0;  // Everything that is not a directory; each link is one.
  std::uint64_t directories = 0;
  std::uint64_t bytes = 0;            // Of what is not a directory; each inode once in all groups.
  std::uint64_t allocated_bytes = 0;  // Directories too; each inode once in all groups.
  std::int64_t earliest_mtime_ns = INT64_MAX;
  std::int64_t latest_mtime_ns = INT64_MIN;

  void Add(const Snapshot::Row& row, bool first_name);
  void Add(const GroupSums& other);
  friend bool operator==(const GroupSums&, const GroupSums&) = default;
};

// Both ends included; a missing one is open.
struct Range {
  std::optional<std::int64_t> min, max;
};

// Sizes by powers of two: 0 is no byte, k is 2^(k-1) to 2^k - 1 bytes.
std::uint64_t SizeClassOf(std::int64_t size_bytes);
Range SizesOfClass(std::uint64_t size_class);

// Ages: 0 is the future, 1 less than a day, then up to 7, 30, 90, 180 days, 1, 2, 5, 10 years of
// 365 days, and more.
inline constexpr std::uint64_t kAgeClasses = 11;
std::uint64_t AgeClassOf(std::int64_t time_ns, std::int64_t now_ns);
// The times that have such an age.
Range TimesOfAgeClass(std::uint64_t age_class, std::int64_t now_ns);
std::string_view AgeClassName(std::uint64_t age_class);  // "future", "0-1d", "7d-30d", "10y-"

class Grouping {
 public:
  static constexpr std::size_t kDimensionsMax = 3;
  struct Options {
    std::vector<Dimension> by;         // One to kDimensionsMax.
    SortKey age_of = SortKey::kMtime;  // Or kCtime, kAtime.
    std::int64_t now_ns = 0;           // What ages count to.
    std::string under = "/";           // What depths count from.
    std::size_t groups_max = 50'000;
    std::size_t inodes_max = 1 << 20;  // Of several names that are told apart.
  };
  explicit Grouping(Options options);

  void Add(std::string_view path, const Snapshot::Row& row);

  // One number per dimension: a class, an id, a depth, an EntryKind, or the number of an extension.
  using Key = std::array<std::uint64_t, kDimensionsMax>;
  using Groups = std::vector<std::pair<Key, GroupSums>>;
  Groups groups() const;  // In no order.
  // In lower case; "": none.
  std::string_view ExtensionOfKey(std::uint64_t key) const { return extensions_[key]; }
  const GroupSums& total() const { return total_; }
  const GroupSums& rest() const { return rest_; }
  // Whether there was more than could be kept apart: groups, or inodes of several names, whose
  // further names then count as inodes of their own.
  bool rest_used() const { return rest_used_; }
  bool links_exact() const { return !seen_.full(); }

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const {
      return MixBits(key[0] ^ MixBits(key[1] ^ MixBits(key[2])));
    }
  };

  // nullopt: a new one for which there is no room.
  std::optional<std::uint64_t> KeyOf(Dimension dimension, std::string_view path,
                                     const Snapshot::Row& row);
  std::optional<std::uint64_t> KeyOfExtension(std::string_view name);
  std::int64_t TimeOf(const Snapshot::Row& row) const;
  GroupSums* SumsOf(std::string_view path, const Snapshot::Row& row);

  const Options options_;
  std::uint64_t depth_of_under_ = 0;
  SeenInodes seen_;
  std::unordered_map<Key, GroupSums, KeyHash> groups_;
  std::unordered_map<std::string, std::uint64_t, TextHash, std::equal_to<>> extension_keys_;
  std::vector<std::string> extensions_;
  std::string buffer_;
  GroupSums total_, rest_;
  bool rest_used_ = false;
};

}  // namespace fustor::tree
