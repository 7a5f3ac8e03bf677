// regex.h: regular expressions over bytes, in the dialects of find(1).
//
// Pure. Time is linear in the text whatever the expression is: it becomes an automaton whose states
// are made as they are met, at most kStatesMax at a time. For the same reason there are no back
// references, and no word boundaries (\b \B \< \>). A byte is a character.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace fustor::regex {

enum class Syntax {
  kFindDefault,    // Emacs: * + ? \| \( \), no classes, no intervals; a dot is any byte.
  kEmacs,          // The same; a dot is no line feed.
  kPosixBasic,     // * \+ \? \{n,m\} \| \( \) [[:alpha:]]
  kPosixExtended,  // * + ? {n,m} | ( ) [[:alpha:]]
};

// By the names that find -regextype knows. nullopt: not one that is read here.
std::optional<Syntax> SyntaxByName(std::string_view name);

inline constexpr std::size_t kStatesMax = 1000;
inline constexpr std::size_t kInstructionsMax = 20'000;

struct Options {
  Syntax syntax = Syntax::kPosixExtended;
  bool any_case = false;
  // MatchesWhole is then true for a text that contains a match.
  bool anywhere = false;
  // What a larger expression is refused for. A text of n bytes costs at most n times as many steps.
  std::size_t instructions_max = kInstructionsMax;
};

// Not thread-safe, also while matching: states are remembered.
class Regex {
 public:
  // Errors: kInvalidArgument with a sentence for the user.
  static Result<Regex> Compile(std::string_view pattern, const Options& options);
  static Result<Regex> Compile(std::string_view pattern, Syntax syntax, bool any_case);

  // Whether the whole text matches. `^` and `$` also stand beside line feeds. O(text).
  bool MatchesWhole(std::string_view text) const;
  // How often so far a state had to be worked out: each time costs as much as hundreds of bytes.
  std::uint64_t steps_made() const { return steps_made_; }

 private:
  friend class Emitter;

  using Bytes = std::bitset<256>;
  struct Instruction {
    enum class Kind : std::uint8_t { kBytes, kSplit, kLineBegin, kLineEnd, kMatch };
    Kind kind = Kind::kMatch;
    std::uint32_t next = 0, other = 0;  // Of kBytes, `other` is the index of its set.
  };
  using Places = std::vector<std::uint32_t>;
  struct State {
    Places places;
    bool accepts = false;
    std::array<std::int32_t, 256> next;  // kUnknown: not met yet.
  };
  static constexpr std::int32_t kUnknown = -1;

  Regex() = default;
  void Close(std::uint32_t place, bool line_begin, bool line_end, Places* out,
             std::vector<bool>* seen) const;
  Places AtLineEnd(const Places& places) const;
  std::int32_t Intern(Places places) const;
  std::int32_t Step(std::int32_t from, unsigned char byte) const;

  std::vector<Instruction> program_;  // Begins at the last one.
  std::vector<Bytes> sets_;
  mutable std::vector<State> states_;
  mutable std::map<Places, std::int32_t> by_places_;
  mutable std::int32_t start_ = kUnknown;
  mutable std::uint64_t steps_made_ = 0;
};

}  // namespace fustor::regex
