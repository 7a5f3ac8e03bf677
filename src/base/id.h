// id.h: numbers that must not be mixed up.
//
// using DirId = Id<struct DirIdTag, std::uint32_t>;  An Id compares, hashes and prints, and does no
// arithmetic. The default value is 0; what 0 means is up to the type that defines the id.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace fustor {

template <class Tag, class Rep = std::uint64_t>
struct Id {
  using rep = Rep;
  Rep value = 0;

  friend constexpr auto operator<=>(Id, Id) = default;
};

}  // namespace fustor

template <class Tag, class Rep>
struct std::hash<fustor::Id<Tag, Rep>> {
  std::size_t operator()(fustor::Id<Tag, Rep> id) const noexcept {
    // Fibonacci hashing spreads dense ids over the buckets.
    return static_cast<std::size_t>(static_cast<std::uint64_t>(id.value) * 0x9E3779B97F4A7C15ull);
  }
};
