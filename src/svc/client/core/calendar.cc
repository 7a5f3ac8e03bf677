#include "svc/client/core/calendar.h"

#include <charconv>
#include <chrono>

#include "base/path.h"

namespace fustor::client {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kDay = 86'400;

std::int64_t WholeSeconds(std::int64_t ns) { return ns / kSecond - (ns % kSecond < 0 ? 1 : 0); }
std::int64_t Fraction(std::int64_t ns) { return ns % kSecond + (ns % kSecond < 0 ? kSecond : 0); }

std::int64_t SecondsOf(const Civil& c) {
  return DaysOf(c) * kDay + std::int64_t{c.hour} * 3600 + std::int64_t{c.minute} * 60 + c.second;
}

// Takes what a date is made of off the front of a text.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }
  bool Take(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  // Exactly `digits` of them, or as many as there are (0).
  std::optional<std::int64_t> Number(std::size_t digits) {
    std::size_t n = 0;
    while (n < rest_.size() && rest_[n] >= '0' && rest_[n] <= '9') ++n;
    if (n == 0 || n > 18 || (digits != 0 && n < digits)) return std::nullopt;
    if (digits != 0) n = digits;
    std::int64_t value = 0;
    const std::string text(rest_.substr(0, n));
    std::from_chars(text.data(), text.data() + text.size(), value);
    rest_.remove_prefix(n);
    return value;
  }
  // ".25" as nanoseconds; 0 when there is none.
  std::int64_t Decimals() {
    if (rest_.size() < 2 || rest_[0] != '.' || rest_[1] < '0' || rest_[1] > '9') return 0;
    rest_.remove_prefix(1);
    std::int64_t ns = 0, unit = kSecond / 10;
    for (; !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9'; rest_.remove_prefix(1)) {
      ns += (rest_[0] - '0') * unit;
      unit /= 10;
    }
    return ns;
  }
  std::string_view Word() {
    std::size_t n = 0;
    while (n < rest_.size() && rest_[n] >= 'a' && rest_[n] <= 'z') ++n;
    const std::string_view word = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return word;
  }
  void Spaces() {
    while (Take(" ")) {
    }
  }

 private:
  std::string_view rest_;
};

// "@1700000000.5"
std::optional<WallTime> ParseEpoch(std::string_view text) {
  Reader reader(text);
  if (!reader.Take("@")) return std::nullopt;
  const bool negative = reader.Take("-");
  const std::optional<std::int64_t> seconds = reader.Number(0);
  if (!seconds) return std::nullopt;
  const std::int64_t nanos = reader.Decimals();
  if (!reader.at_end()) return std::nullopt;
  if (!negative) return WallTime::FromParts(*seconds, nanos);
  return nanos == 0 ? WallTime::FromParts(-*seconds, 0)
                    : WallTime::FromParts(-*seconds - 1, kSecond - nanos);
}

// "3 days ago", "-90 minutes"
std::optional<WallTime> ParseRelative(std::string_view text, WallTime now,
                                      const LocalClock& clock) {
  Civil c = clock.LocalTime(now);
  Reader reader(text);
  const bool minus = reader.Take("-");
  if (!minus) reader.Take("+");
  const std::optional<std::int64_t> count = reader.Number(0);
  reader.Spaces();
  std::string_view unit = reader.Word();
  reader.Spaces();
  const bool ago = reader.Take("ago");
  if (!count || *count > 1'000'000 || !reader.at_end()) return std::nullopt;
  const auto n = static_cast<int>(minus != ago ? -*count : *count);
  if (unit.ends_with('s')) unit.remove_suffix(1);
  if (unit == "year")
    c.year += n;
  else if (unit == "month")
    c.month += n;
  else if (unit == "week")
    c.day += 7 * n;
  else if (unit == "day")
    c.day += n;
  else if (unit == "hour")
    return now + std::chrono::hours(n);
  else if (unit == "minute" || unit == "min")
    return now + std::chrono::minutes(n);
  else if (unit == "second" || unit == "sec")
    return now + Seconds(n);
  else
    return std::nullopt;
  return InstantOf(c, clock) + Nanos(Fraction(now.ns));
}

struct Zone {
  bool given = false;
  int offset_minutes = 0;
};

// "Z", "UTC", "+0100", "+01:00", "+01" at the end; nothing: local.
std::optional<Zone> ParseZone(Reader* reader) {
  reader->Spaces();
  if (reader->at_end()) return Zone{};
  if (reader->Take("Z") || reader->Take("UTC")) {
    return reader->at_end() ? std::optional(Zone{.given = true}) : std::nullopt;
  }
  const bool minus = reader->Take("-");
  if (!minus && !reader->Take("+")) return std::nullopt;
  const std::optional<std::int64_t> hours = reader->Number(2);
  reader->Take(":");
  const std::int64_t minutes = reader->at_end() ? 0 : reader->Number(2).value_or(99);
  if (!hours || *hours > 24 || minutes > 59 || !reader->at_end()) return std::nullopt;
  const auto offset = static_cast<int>(*hours * 60 + minutes);
  return Zone{.given = true, .offset_minutes = minus ? -offset : offset};
}

bool InRange(const Civil& c) {
  const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(c.year)),
                                         std::chrono::month(static_cast<unsigned>(c.month)),
                                         std::chrono::day(static_cast<unsigned>(c.day)));
  return date.ok() && c.hour <= 24 && c.minute <= 59 && c.second <= 60;
}

std::optional<WallTime> ParseCalendar(std::string_view text, const LocalClock& clock) {
  Reader reader(text);
  const auto part = [&reader](std::size_t digits, int* out) {
    const std::optional<std::int64_t> value = reader.Number(digits);
    if (value) *out = static_cast<int>(*value);
    return value.has_value();
  };
  Civil c;
  int year = 0;
  if (!part(4, &year)) return std::nullopt;
  c.year = year;
  const bool dashes = reader.Take("-");
  if (!part(2, &c.month) || (dashes && !reader.Take("-")) || !part(2, &c.day)) return std::nullopt;
  std::int64_t nanos = 0;
  Reader before = reader;
  if (reader.Take("T") || reader.Take(" ")) {
    reader.Spaces();
    if (part(2, &c.hour)) {
      if (!reader.Take(":") || !part(2, &c.minute)) return std::nullopt;
      if (reader.Take(":") && !part(2, &c.second)) return std::nullopt;
      nanos = reader.Decimals();
    } else {
      reader = before;  // A zone alone.
    }
  }
  const std::optional<Zone> zone = ParseZone(&reader);
  if (!zone || !InRange(c)) return std::nullopt;
  const std::int64_t seconds =
      zone->given ? SecondsOf(c) - zone->offset_minutes * 60 : WholeSeconds(InstantOf(c, clock).ns);
  return WallTime::FromParts(seconds, nanos);
}

}  // namespace

std::int64_t DaysOf(const Civil& c) {
  const std::int64_t months = c.year * 12 + c.month - 1;
  const std::int64_t year = months / 12 - (months % 12 < 0 ? 1 : 0);
  const auto month = static_cast<unsigned>(months - year * 12 + 1);
  const std::chrono::sys_days first =
      std::chrono::year(static_cast<int>(year)) / std::chrono::month(month) / std::chrono::day(1);
  return first.time_since_epoch().count() + c.day - 1;
}

WallTime InstantOf(const Civil& civil, const LocalClock& clock) {
  const std::int64_t wanted = SecondsOf(civil);
  std::int64_t seconds = wanted;
  // The offset there is known when one is there; near a change the second look settles it.
  for (int look = 0; look < 2; ++look) {
    const Civil shown = clock.LocalTime(WallTime::FromParts(seconds, 0));
    seconds = wanted - shown.offset_minutes * 60;
  }
  return WallTime::FromParts(seconds, 0);
}

Result<WallTime> ParseDate(std::string_view text, WallTime now, const LocalClock& clock) {
  if (text == "now" || text == "today") return now;
  if (text == "yesterday") text = "1 day ago";
  if (text == "tomorrow") text = "1 day";
  if (const auto epoch = ParseEpoch(text)) return *epoch;
  if (const auto calendar = ParseCalendar(text, clock)) return *calendar;
  if (const auto relative = ParseRelative(text, now, clock)) return *relative;
  return Status(Code::kInvalidArgument,
                "'" + PrintablePath(text) +
                    "' is no date that is read here: 2026-11-21, '2026-11-21 14:03:05', "
                    "2026-11-21T14:03Z, @1700000000, yesterday, '3 days ago'");
}

}  // namespace fustor::client
