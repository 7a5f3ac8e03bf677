#include "svc/client/core/words.h"

#include <algorithm>
#include <array>

#include "base/utf8.h"

namespace fustor::client {
namespace {

// `n` in at least `width` digits.
std::string Padded(std::int64_t n, std::size_t width) {
  std::string digits = std::to_string(n);
  if (digits.size() < width) digits.insert(0, width - digits.size(), '0');
  return digits;
}

std::string Octal(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return {static_cast<char>('0' + (byte >> 6)), static_cast<char>('0' + (byte >> 3 & 7)),
          static_cast<char>('0' + (byte & 7))};
}

std::string Several(std::int64_t n, std::string_view unit) {
  return std::to_string(n) + " " + std::string(unit) + (n == 1 ? "" : "s");
}

bool NeedsQuotes(std::string_view name) {
  constexpr std::string_view kSpecial = " !\"$&'()*;<=>?[\\]^`{|}~#";
  return name.empty() || name.find_first_of(kSpecial) != std::string_view::npos;
}

bool IsControl(char c) {
  const auto b = static_cast<unsigned char>(c);
  return b < 0x20 || b == 0x7F;
}

// A character that a terminal obeys instead of showing it: controls of both tables, and those that
// turn the direction of writing or break lines.
bool IsObeyed(std::string_view character) {
  if (character.size() == 1) return IsControl(character[0]);
  if (character.size() == 2) return character[0] == '\xC2' && character[1] < '\xA0';
  constexpr std::array<std::string_view, 14> kFormats = {
      "\u200E", "\u200F", "\u2028", "\u2029", "\u202A", "\u202B", "\u202C",
      "\u202D", "\u202E", "\u2066", "\u2067", "\u2068", "\u2069", "\uFEFF"};
  return std::find(kFormats.begin(), kFormats.end(), character) != kFormats.end();
}

bool IsPlainText(std::string_view name) {
  while (!name.empty()) {
    const std::size_t n = Utf8SequenceLength(name);
    if (n == 0 || IsObeyed(name.substr(0, n))) return false;
    name.remove_prefix(n);
  }
  return true;
}

}  // namespace

std::string HumanSize(std::uint64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes);
  constexpr std::string_view kUnits = "KMGTPE";
  std::size_t unit = 0;
  std::uint64_t scale = 1024;
  while (unit + 1 < kUnits.size() && bytes / scale >= 1024) {
    scale *= 1024;
    ++unit;
  }
  const auto up = [](std::uint64_t a, std::uint64_t b) { return a / b + (a % b != 0 ? 1 : 0); };
  // Tenths, rounded up; the parts are computed apart because bytes * 10 may not fit.
  const std::uint64_t tenths = bytes / scale * 10 + up(bytes % scale * 5, scale / 2);
  const char suffix = kUnits[unit];
  if (tenths < 100) {
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + suffix;
  }
  const std::uint64_t whole = up(bytes, scale);
  if (whole == 1024 && unit + 1 < kUnits.size()) return std::string("1.0") + kUnits[unit + 1];
  return std::to_string(whole) + suffix;
}

std::string Grouped(std::uint64_t n) {
  const std::string digits = std::to_string(n);
  std::string out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out;
}

std::string ModeText(std::uint32_t mode) {
  const auto type = [mode] {
    switch (mode & 0170000) {
      case 0040000:
        return 'd';
      case 0120000:
        return 'l';
      case 0010000:
        return 'p';
      case 0140000:
        return 's';
      case 0060000:
        return 'b';
      case 0020000:
        return 'c';
      default:
        return '-';
    }
  };
  std::string text(1, type());
  for (int shift = 6; shift >= 0; shift -= 3) {
    text += (mode >> shift) & 4 ? 'r' : '-';
    text += (mode >> shift) & 2 ? 'w' : '-';
    text += (mode >> shift) & 1 ? 'x' : '-';
  }
  if (mode & 04000) text[3] = text[3] == 'x' ? 's' : 'S';
  if (mode & 02000) text[6] = text[6] == 'x' ? 's' : 'S';
  if (mode & 01000) text[9] = text[9] == 'x' ? 't' : 'T';
  return text;
}

std::string AgeText(Nanos age) {
  const std::int64_t seconds = std::chrono::duration_cast<Seconds>(age).count();
  const std::int64_t n = seconds < 0 ? -seconds : seconds;
  if (n == 0) return "now";
  std::string text;
  if (n < 120) {
    text = Several(n, "second");
  } else if (n < 120 * 60) {
    text = Several(n / 60, "minute");
  } else if (n < 48 * 3600) {
    text = Several(n / 3600, "hour");
  } else {
    text = Several(n / 86400, "day");
  }
  return seconds < 0 ? "in " + text : text + " ago";
}

std::string QuotedName(std::string_view name) {
  const bool plain = IsPlainText(name);
  if (plain && !NeedsQuotes(name)) return std::string(name);
  if (plain && name.find('\'') == std::string_view::npos) return "'" + std::string(name) + "'";
  std::string out;
  bool quoted = false;
  const auto quote = [&](bool wanted) {
    if (quoted != wanted) out += '\'';
    quoted = wanted;
  };
  for (std::size_t i = 0; i < name.size();) {
    const std::size_t n = Utf8SequenceLength(name.substr(i));
    const std::string_view character = name.substr(i, n == 0 ? 1 : n);
    i += character.size();
    if (character == "'") {
      quote(false);
      out += "\\'";
    } else if (n == 0 || IsObeyed(character)) {
      quote(false);
      for (const char c : character) {
        out += c == '\n' ? "$'\\n'" : c == '\t' ? "$'\\t'" : "$'\\" + Octal(c) + "'";
      }
    } else {
      quote(true);
      out += character;
    }
  }
  quote(false);
  return out;
}

std::string HarmlessText(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  while (!text.empty()) {
    const std::size_t n = Utf8SequenceLength(text);
    const std::string_view character = text.substr(0, n == 0 ? 1 : n);
    text.remove_prefix(character.size());
    if (n != 0 && !IsObeyed(character)) {
      out += character;
      continue;
    }
    for (const char c : character) {
      const auto byte = static_cast<unsigned char>(c);
      out += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return out;
}

std::string ShortTime(const Civil& t) {
  return Padded(t.year, 4) + "-" + Padded(t.month, 2) + "-" + Padded(t.day, 2) + " " +
         Padded(t.hour, 2) + ":" + Padded(t.minute, 2);
}

std::string FullTime(const Civil& t, std::int64_t nanos, std::size_t digits) {
  const int offset = t.offset_minutes < 0 ? -t.offset_minutes : t.offset_minutes;
  return ShortTime(t) + ":" + Padded(t.second, 2) + "." + Padded(nanos, 9).substr(0, digits) +
         (t.offset_minutes < 0 ? " -" : " +") + Padded(offset / 60, 2) + Padded(offset % 60, 2);
}

std::string Columns(const std::vector<std::pair<std::string, std::string>>& names,
                    std::size_t width) {
  constexpr std::size_t kBetween = 2;
  constexpr std::size_t kColumnsMax = 40;  // Trying more of them costs time and helps nobody.
  std::vector<std::size_t> widths;
  for (const auto& name : names) widths.push_back(TextWidth(name.first));
  std::size_t rows = names.size();
  std::vector<std::size_t> columns;
  for (std::size_t count = std::min(kColumnsMax, names.size()); count > 1; --count) {
    const std::size_t height = (names.size() + count - 1) / count;
    columns.assign((names.size() + height - 1) / height, 0);
    for (std::size_t i = 0; i < widths.size(); ++i) {
      columns[i / height] = std::max(columns[i / height], widths[i]);
    }
    std::size_t total = (columns.size() - 1) * kBetween;
    for (const std::size_t column : columns) total += column;
    rows = height;
    if (total <= width) break;
    rows = names.size();
  }
  std::string out;
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t i = row; i < names.size(); i += rows) {
      out += names[i].second;
      if (i + rows < names.size()) out.append(columns[i / rows] - widths[i] + kBetween, ' ');
    }
    out += '\n';
  }
  return out;
}

std::size_t TextWidth(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::string Table::Text() const {
  std::vector<std::vector<std::string>> rows;
  const bool titled = std::any_of(columns_.begin(), columns_.end(),
                                  [](const Column& column) { return !column.title.empty(); });
  if (titled) {
    std::vector<std::string> titles;
    for (const Column& column : columns_) titles.push_back(column.title);
    rows.push_back(std::move(titles));
  }
  rows.insert(rows.end(), rows_.begin(), rows_.end());

  std::vector<std::size_t> widths(columns_.size(), 0);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], TextWidth(row[i]));
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0) line += "  ";
      const std::string space(widths[i] - TextWidth(row[i]), ' ');
      line += columns_[i].right ? space + row[i] : row[i] + space;
    }
    line.resize(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  }
  return out;
}

}  // namespace fustor::client
