// utf8.h: where UTF-8 ends and other bytes begin. Pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace fustor {

// Length (1 to 4) of the well-formed UTF-8 sequence at the start of `bytes`, 0 when there is none
// (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF).
std::size_t Utf8SequenceLength(std::string_view bytes);

}  // namespace fustor
