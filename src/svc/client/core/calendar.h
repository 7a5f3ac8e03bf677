// calendar.h: instants and calendar fields in the reader's time zone.
//
// Pure: the time zone comes from whoever calls.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "svc/client/core/words.h"

namespace fustor::client {

class LocalClock {
 public:
  virtual ~LocalClock() = default;
  virtual Civil LocalTime(WallTime time) const = 0;
};

// From 1970-01-01 to that day; months and days beyond their range count on.
std::int64_t DaysOf(const Civil& civil);

// The instant that shows as `civil` (its offset is not looked at); fields beyond their range count
// on ("the 0th of March"). Of an hour that comes twice the later, of one left out the one behind.
WallTime InstantOf(const Civil& civil, const LocalClock& clock);

// A date as people and find -newermt write it, in local time unless it ends in Z, UTC or +HH:MM:
//   2026-11-21, 20261121, 2026-11-21 14:03[:05[.25]], 2026-11-21T14:03:05Z, @1700000000.5,
//   now, today, yesterday, tomorrow, "3 days ago", "-90 minutes" (seconds to years)
// Errors: kInvalidArgument with a sentence.
Result<WallTime> ParseDate(std::string_view text, WallTime now, const LocalClock& clock);

// What %Tx of find -printf shows for the letter x: those of strftime(3), `@`, and `+`; S, T, X, @
// and + with ten decimals, as find does. nullopt: there is no such letter.
std::optional<std::string> FormatTimeField(char letter, std::int64_t ns, const LocalClock& clock);
// %t, %a and %c of find -printf: "Sat Nov 21 14:03:05.1234567890 2026".
std::string FormatTimeLong(std::int64_t ns, const LocalClock& clock);
// As find -ls: "Nov 21 14:03", or "Feb  3  2001" when it is over six months away from `now`.
std::string FormatTimeShort(std::int64_t ns, WallTime now, const LocalClock& clock);

}  // namespace fustor::client
