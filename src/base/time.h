// time.h: two kinds of time that cannot be mixed up, both in nanoseconds.
//
// Instant is monotonic (expiries, deadlines, latencies; meaningless outside the process). WallTime
// is the calendar (file times, what a person reads; may jump). The range of both is int64
// nanoseconds: WallTime covers the years 1677 to 2262, and what lies outside is clamped
// (WallTime::FromParts).
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <limits>
#include <string>

namespace fustor {

using Nanos = std::chrono::nanoseconds;
using Micros = std::chrono::microseconds;
using Millis = std::chrono::milliseconds;
using Seconds = std::chrono::seconds;

struct Instant {
  std::int64_t ns = 0;

  static constexpr Instant Max() { return {std::numeric_limits<std::int64_t>::max()}; }
  friend constexpr auto operator<=>(Instant, Instant) = default;
  friend constexpr Instant operator+(Instant t, Nanos d) { return {t.ns + d.count()}; }
  friend constexpr Instant operator-(Instant t, Nanos d) { return {t.ns - d.count()}; }
  friend constexpr Nanos operator-(Instant a, Instant b) { return Nanos(a.ns - b.ns); }
};

struct WallTime {
  std::int64_t ns = 0;  // Since 1970-01-01T00:00:00Z.

  // Clamped to the range of int64 nanoseconds. REQUIRES: 0 <= nanos < 1e9.
  static constexpr WallTime FromParts(std::int64_t seconds, std::int64_t nanos) {
    constexpr std::int64_t kSecondsMax = std::numeric_limits<std::int64_t>::max() / 1'000'000'000;
    if (seconds >= kSecondsMax) return {std::numeric_limits<std::int64_t>::max()};
    if (seconds < -kSecondsMax) return {std::numeric_limits<std::int64_t>::min()};
    return {seconds * 1'000'000'000 + nanos};
  }
  constexpr double seconds() const { return static_cast<double>(ns) / 1e9; }

  friend constexpr auto operator<=>(WallTime, WallTime) = default;
  friend constexpr WallTime operator+(WallTime t, Nanos d) { return {t.ns + d.count()}; }
  friend constexpr WallTime operator-(WallTime t, Nanos d) { return {t.ns - d.count()}; }
  friend constexpr Nanos operator-(WallTime a, WallTime b) { return Nanos(a.ns - b.ns); }
};

// "2026-11-21T12:00:00.123Z" (UTC, milliseconds).
std::string FormatUtc(WallTime time);

}  // namespace fustor
