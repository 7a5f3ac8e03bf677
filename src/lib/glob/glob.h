// glob.h: shell patterns and substrings over bytes.
//
// Pure. Immutable after construction: may be shared between threads.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fustor::glob {

// Shell pattern matching over bytes, as fnmatch(3) without flags: `*` and `?` match any byte, '/'
// too; `[a-z]`, `[!a-z]`; a backslash makes the next byte literal. Linear in text times stars.
class Glob {
 public:
  // O(pattern), but for brackets that are never closed: O(pattern) each.
  explicit Glob(std::string pattern);
  bool Matches(std::string_view text) const;
  // True when the text contains one of * ? [ .
  static bool IsPattern(std::string_view text);

  // Bytes that every match begins with, ends with, contains; for a quick "no". May be empty.
  std::string_view head() const { return head_; }
  std::string_view tail() const { return tail_; }
  std::string_view core() const { return core_; }

 private:
  struct Token {
    enum class Kind : std::uint8_t { kByte, kAny, kStar, kSet, kNever };
    Kind kind = Kind::kByte;
    char byte = '\0';
    std::uint32_t set = 0;  // Of kSet, its index.
  };
  class Compiler;
  bool MatchOne(const Token& token, char byte) const;

  std::string pattern_;
  std::vector<Token> tokens_;
  std::vector<std::bitset<256>> sets_;
  std::string head_, tail_, core_;
};

// Case-insensitive (ASCII) substring of a name.
class Substring {
 public:
  explicit Substring(std::string_view needle);
  bool Matches(std::string_view text) const;
  // The needle in lower case.
  std::string_view lower() const { return lower_; }

 private:
  std::string lower_;
};

}  // namespace fustor::glob
