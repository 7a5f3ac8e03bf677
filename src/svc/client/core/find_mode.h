// find_mode.h: permissions as chmod(1) writes them.
//
// Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace fustor::client {

// "644", "u=rw,g+r", "a+X": the bits that a mode of nothing becomes, of a file and of a directory
// (which differ by X alone). nullopt: not a mode.
std::optional<std::array<std::uint32_t, 2>> ParseMode(std::string_view text);

}  // namespace fustor::client
