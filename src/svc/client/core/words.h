// words.h: numbers, names and times as people read them.
//
// Pure: the time zone comes from whoever calls.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"

namespace fustor::client {

// As ls -h and du -h: powers of 1024, rounded up, one decimal below 10: "0", "999", "1.5K", "12M".
std::string HumanSize(std::uint64_t bytes);

// 1234567 -> "1,234,567".
std::string Grouped(std::uint64_t n);

// "-rw-r--r--" of st_mode.
std::string ModeText(std::uint32_t mode);

// "3 seconds ago", "2 hours ago"; the future: "in 5 minutes".
std::string AgeText(Nanos age);

// A name for a terminal: as it is when it is plain; else quoted so that a shell reads the same
// bytes ('a b', 'a'$'\n''b'). What could move the cursor, change colours or turn the direction of
// writing never reaches the terminal as it is.
std::string QuotedName(std::string_view name);

// A sentence that came from elsewhere, fit for a terminal: controls and odd bytes as \xNN.
std::string HarmlessText(std::string_view text);

// Calendar fields of an instant in the reader's time zone.
struct Civil {
  std::int64_t year = 1970;
  int month = 1, day = 1, hour = 0, minute = 0, second = 0;
  int offset_minutes = 0;  // East of UTC.
  std::string zone = "UTC";
};
std::string ShortTime(const Civil& t);  // "2026-11-21 14:03"
// "2026-11-21 14:03:05.000000001 +0100"; with fewer `digits` the rest is cut off.
std::string FullTime(const Civil& t, std::int64_t nanos, std::size_t digits = 9);

// Rows of cells under aligned columns. Numbers go to the right.
class Table {
 public:
  struct Column {
    std::string title;  // All empty: no title line.
    bool right = false;
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // REQUIRES: as many cells as columns.
  void Add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }
  // Two spaces between columns, none at the end of a line.
  std::string Text() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// Names in as many columns as `width` holds, filled downwards as ls does; two spaces between. The
// second of each pair is what is printed, which may have colours: its width is that of the first.
std::string Columns(const std::vector<std::pair<std::string, std::string>>& names,
                    std::size_t width);

// Characters, as UTF-8 counts them.
std::size_t TextWidth(std::string_view text);

}  // namespace fustor::client
