// glob.h: shell patterns and substrings over bytes.
//
// Pure. Immutable after construction: may be shared between threads.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace fustor::glob {

// Shell pattern matching over bytes, as fnmatch(3) without flags: `*` and `?` match any byte, '/'
// too; `[a-z]`, `[!a-z]`; a backslash makes the next byte literal. Linear in text times stars.
class Glob {
 public:
  explicit Glob(std::string pattern);
  bool Matches(std::string_view text) const;
  // True when the text contains one of * ? [ .
  static bool IsPattern(std::string_view text);

  // Bytes that every match begins with, ends with, contains; for a quick "no". May be empty.
  std::string_view head() const { return head_; }
  std::string_view tail() const { return tail_; }
  std::string_view core() const { return core_; }

 private:
  bool MatchOne(std::size_t at, char byte, std::size_t* next) const;

  std::string pattern_;
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
