// mode.h: permissions as chmod(1) writes them, and tests of them as find -perm does.
//
// Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace fustor::mode {

// "644", "u=rw,g+r", "a+X": the bits that a mode of nothing becomes, of a file and of a directory
// (which differ by X alone). nullopt: not a mode.
std::optional<std::array<std::uint32_t, 2>> ParseMode(std::string_view text);

// What a mode is to have.
struct ModeTest {
  enum class Kind : std::uint8_t { kExactly, kAll, kAny };
  Kind kind = Kind::kExactly;
  std::array<std::uint32_t, 2> bits = {0, 0};  // Of a file, of a directory.

  // `mode` may have its type bits. kAny of no bits: every mode.
  bool Passes(std::uint32_t mode, bool directory) const {
    const std::uint32_t wanted = bits[directory ? 1 : 0];
    const std::uint32_t has = mode & 07777;
    switch (kind) {
      case Kind::kAll:
        return (has & wanted) == wanted;
      case Kind::kAny:
        return wanted == 0 || (has & wanted) != 0;
      case Kind::kExactly:
        break;
    }
    return has == wanted;
  }
  friend bool operator==(const ModeTest&, const ModeTest&) = default;
};

// As find -perm: "644" exactly, "-4000" all of these bits, "/022" any of them. nullopt: none of
// these.
std::optional<ModeTest> ParseModeTest(std::string_view text);

}  // namespace fustor::mode
