#include "base/time.h"

#include <cstdio>
#include <ctime>

namespace fustor {

std::string FormatUtc(WallTime time) {
  std::int64_t seconds = time.ns / 1'000'000'000;
  std::int64_t nanos = time.ns % 1'000'000'000;
  if (nanos < 0) {
    nanos += 1'000'000'000;
    --seconds;
  }
  const std::time_t t = seconds;
  std::tm tm{};
  gmtime_r(&t, &tm);
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
                tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                static_cast<int>(nanos / 1'000'000));
  return buffer;
}

}  // namespace fustor
