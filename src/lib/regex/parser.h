// parser.h: a regular expression as a tree.
//
// Pure.
#pragma once

#include <bitset>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "lib/regex/regex.h"

namespace fustor::regex {

struct Node {
  enum class Kind { kBytes, kLineBegin, kLineEnd, kSequence, kAlternatives, kRepeat };
  Kind kind = Kind::kSequence;
  std::bitset<256> bytes = {};
  std::vector<Node> parts = {};
  std::uint32_t least = 0, most = 0;  // Of kRepeat; kNoLimit.
};
inline constexpr std::uint32_t kNoLimit = UINT32_MAX;

// Errors: kInvalidArgument with a sentence for the user.
Result<Node> Parse(std::string_view pattern, Syntax syntax);

}  // namespace fustor::regex
