#include "svc/client/core/calendar.h"

namespace fustor::client {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::string_view kWeekdays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                          "Thursday", "Friday", "Saturday"};
constexpr std::string_view kMonths[] = {"January",   "February", "March",    "April",
                                        "May",       "June",     "July",     "August",
                                        "September", "October",  "November", "December"};

std::int64_t WholeSeconds(std::int64_t ns) { return ns / kSecond - (ns % kSecond < 0 ? 1 : 0); }

std::string Padded(std::int64_t n, std::size_t width, char pad = '0') {
  std::string digits = std::to_string(n);
  return digits.size() < width ? std::string(width - digits.size(), pad) + digits : digits;
}

std::string TenDecimals(std::int64_t ns) {
  return "." + Padded((ns % kSecond + kSecond) % kSecond, 9) + "0";
}

struct Week {
  std::int64_t year = 0;
  std::int64_t number = 0;
};

// A day, as the fields of strftime(3) in the C locale tell of it.
class Day {
 public:
  explicit Day(const Civil& civil) : c_(civil), days_(DaysOf(civil)) {}

  std::string Field(char letter) const {
    switch (letter) {
      case 'a':
        return std::string(kWeekdays[weekday()].substr(0, 3));
      case 'A':
        return std::string(kWeekdays[weekday()]);
      case 'b':
      case 'h':
        return std::string(month().substr(0, 3));
      case 'B':
        return std::string(month());
      case 'C':
        return Padded(c_.year / 100, 2);
      case 'd':
        return Padded(c_.day, 2);
      case 'e':
        return Padded(c_.day, 2, ' ');
      case 'g':
        return Padded(IsoWeek().year % 100, 2);
      case 'G':
        return std::to_string(IsoWeek().year);
      case 'j':
        return Padded(day_of_year() + 1, 3);
      case 'm':
        return Padded(c_.month, 2);
      case 'u':
        return std::to_string(weekday() == 0 ? 7 : weekday());
      case 'U':
        return Padded((day_of_year() + 7 - weekday()) / 7, 2);
      case 'V':
        return Padded(IsoWeek().number, 2);
      case 'w':
        return std::to_string(weekday());
      case 'W':
        return Padded((day_of_year() + 7 - (weekday() + 6) % 7) / 7, 2);
      case 'y':
        return Padded(c_.year % 100, 2);
      case 'Y':
        return std::to_string(c_.year);
      default:
        return TimeOfDay(letter);
    }
  }

 private:
  std::string TimeOfDay(char letter) const {
    const int hour12 = c_.hour % 12 == 0 ? 12 : c_.hour % 12;
    switch (letter) {
      case 'H':
        return Padded(c_.hour, 2);
      case 'I':
        return Padded(hour12, 2);
      case 'k':
        return Padded(c_.hour, 2, ' ');
      case 'l':
        return Padded(hour12, 2, ' ');
      case 'M':
        return Padded(c_.minute, 2);
      case 'S':
        return Padded(c_.second, 2);
      case 'p':
        return c_.hour < 12 ? "AM" : "PM";
      case 'n':
        return "\n";
      case 't':
        return "\t";
      case 'z': {
        const int offset = c_.offset_minutes < 0 ? -c_.offset_minutes : c_.offset_minutes;
        return (c_.offset_minutes < 0 ? "-" : "+") + Padded(offset / 60, 2) +
               Padded(offset % 60, 2);
      }
      default:
        return c_.zone;  // Z
    }
  }

  std::string_view month() const { return kMonths[(c_.month + 11) % 12]; }
  std::int64_t weekday() const { return ((days_ + 4) % 7 + 7) % 7; }  // 1970-01-01: a Thursday.
  std::int64_t day_of_year() const { return days_ - FirstDayOf(c_.year); }
  static std::int64_t FirstDayOf(std::int64_t year) {
    Civil first;
    first.year = year;
    return DaysOf(first);
  }

  // Of ISO 8601: the week with the year's first Thursday is the first.
  Week IsoWeek() const {
    const std::int64_t thursday = days_ - (weekday() + 6) % 7 + 3;
    std::int64_t year = c_.year;
    if (thursday < FirstDayOf(year)) --year;
    if (thursday >= FirstDayOf(year + 1)) ++year;
    return {year, (thursday - FirstDayOf(year)) / 7 + 1};
  }

  const Civil& c_;
  const std::int64_t days_;
};

// Fields behind '%', everything else as it is.
std::string Formatted(std::string_view format, const Civil& civil) {
  const Day day(civil);
  std::string out;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] == '%') {
      out += day.Field(format[++i]);
    } else {
      out += format[i];
    }
  }
  return out;
}

// What a letter stands for that is made of others.
std::string_view Composed(char letter) {
  switch (letter) {
    case '+':
      return "%Y-%m-%d+%H:%M:%S";
    case 'c':
      return "%a %b %e %H:%M:%S %Y";
    case 'D':
    case 'x':
      return "%m/%d/%y";
    case 'F':
      return "%Y-%m-%d";
    case 'r':
      return "%I:%M:%S %p";
    case 'R':
      return "%H:%M";
    case 'T':
    case 'X':
      return "%H:%M:%S";
    default:
      return "";
  }
}

}  // namespace

std::optional<std::string> FormatTimeField(char letter, std::int64_t ns, const LocalClock& clock) {
  if (letter == '@') return std::to_string(WholeSeconds(ns)) + TenDecimals(ns);
  if (letter == 's') return std::to_string(WholeSeconds(ns));
  constexpr std::string_view kLetters = "+aAbBcCdDeFgGhHIjklmMnprRStTuUVwWxXyYzZ";
  if (kLetters.find(letter) == std::string_view::npos) return std::nullopt;
  const Civil civil = clock.LocalTime(WallTime{ns});
  const std::string_view composed = Composed(letter);
  std::string text = composed.empty() ? Day(civil).Field(letter) : Formatted(composed, civil);
  if (std::string_view("STX+").find(letter) != std::string_view::npos) text += TenDecimals(ns);
  return text;
}

std::string FormatTimeLong(std::int64_t ns, const LocalClock& clock) {
  const Civil civil = clock.LocalTime(WallTime{ns});
  return Formatted("%a %b %e %H:%M:%S", civil) + TenDecimals(ns) + Formatted(" %Y", civil);
}

std::string FormatTimeShort(std::int64_t ns, WallTime now, const LocalClock& clock) {
  constexpr std::int64_t kHalfYear = 31'556'952 / 2;
  const std::int64_t age = WholeSeconds(now.ns) - WholeSeconds(ns);
  const bool recent = age <= kHalfYear && age >= -3600;
  return Formatted(recent ? "%b %e %H:%M" : "%b %e  %Y", clock.LocalTime(WallTime{ns}));
}

}  // namespace fustor::client
