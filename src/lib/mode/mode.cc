#include "lib/mode/mode.h"

#include <charconv>

namespace fustor::mode {
namespace {

constexpr std::uint32_t kUser = 04700, kGroup = 02070, kOther = 01007;

std::uint32_t WhoOf(char c) {
  return c == 'u' ? kUser : c == 'g' ? kGroup : c == 'o' ? kOther : c == 'a' ? 07777 : 0;
}

// The permissions of one class, given to all three.
std::uint32_t CopyOf(char from, std::uint32_t mode) {
  const int shift = from == 'u' ? 6 : from == 'g' ? 3 : 0;
  return (mode >> shift & 7) * 0111;
}

std::optional<std::uint32_t> BitsOf(char c, bool directory, std::uint32_t mode) {
  switch (c) {
    case 'r':
      return 0444;
    case 'w':
      return 0222;
    case 'x':
      return 0111;
    case 'X':
      return directory || (mode & 0111) != 0 ? 0111 : 0;
    case 's':
      return 06000;
    case 't':
      return 01000;
    case 'u':
    case 'g':
    case 'o':
      return CopyOf(c, mode);
    default:
      return std::nullopt;
  }
}

// One clause: "ug+rw-x".
bool Apply(std::string_view clause, bool directory, std::uint32_t* mode) {
  std::uint32_t who = 0;
  while (!clause.empty() && WhoOf(clause[0]) != 0) {
    who |= WhoOf(clause[0]);
    clause.remove_prefix(1);
  }
  if (who == 0) who = 07777;
  if (clause.empty()) return false;
  while (!clause.empty()) {
    const char how = clause[0];
    if (how != '+' && how != '-' && how != '=') return false;
    clause.remove_prefix(1);
    std::uint32_t bits = 0;
    while (!clause.empty() && clause[0] != '+' && clause[0] != '-' && clause[0] != '=') {
      const auto more = BitsOf(clause[0], directory, *mode);
      if (!more) return false;
      bits |= *more;
      clause.remove_prefix(1);
    }
    // The sticky bit belongs to everybody.
    bits &= who == 07777 ? 07777 : who & ~01000u;
    if (how == '+') *mode |= bits;
    if (how == '-') *mode &= ~bits;
    if (how == '=') *mode = (*mode & ~who) | bits;
  }
  return true;
}

}  // namespace

std::optional<std::array<std::uint32_t, 2>> ParseMode(std::string_view text) {
  std::uint32_t octal = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), octal, 8);
  if (error == std::errc() && end == text.data() + text.size()) {
    return octal <= 07777 ? std::optional(std::array{octal, octal}) : std::nullopt;
  }
  std::array<std::uint32_t, 2> modes = {0, 0};
  for (std::size_t directory = 0; directory < 2; ++directory) {
    std::string_view rest = text;
    for (bool more = true; more;) {
      const std::size_t comma = rest.find(',');
      more = comma != std::string_view::npos;
      if (!Apply(rest.substr(0, comma), directory == 1, &modes[directory])) return std::nullopt;
      rest.remove_prefix(more ? comma + 1 : rest.size());
    }
  }
  return modes;
}

std::optional<ModeTest> ParseModeTest(std::string_view text) {
  ModeTest test;
  if (text.starts_with('-')) test.kind = ModeTest::Kind::kAll;
  if (text.starts_with('/')) test.kind = ModeTest::Kind::kAny;
  if (test.kind != ModeTest::Kind::kExactly) text.remove_prefix(1);
  const auto bits = ParseMode(text);
  if (!bits) return std::nullopt;
  test.bits = *bits;
  return test;
}

}  // namespace fustor::mode
