#include "lib/glob/glob.h"

#include <cstdint>
#include <cstring>
#include <utility>

namespace fustor::glob {
namespace {

std::uint8_t Byte(char c) { return static_cast<std::uint8_t>(c); }

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// The classes of POSIX, for ASCII.
bool InClass(std::string_view name, char byte) {
  const std::uint8_t b = Byte(byte);
  const bool lower = b >= 'a' && b <= 'z';
  const bool upper = b >= 'A' && b <= 'Z';
  const bool digit = b >= '0' && b <= '9';
  const bool graph = b > 0x20 && b < 0x7F;
  if (name == "alpha") return lower || upper;
  if (name == "digit") return digit;
  if (name == "alnum") return lower || upper || digit;
  if (name == "lower") return lower;
  if (name == "upper") return upper;
  if (name == "space") return b == ' ' || (b >= '\t' && b <= '\r');
  if (name == "blank") return b == ' ' || b == '\t';
  if (name == "punct") return graph && !lower && !upper && !digit;
  if (name == "graph") return graph;
  if (name == "print") return graph || b == ' ';
  if (name == "cntrl") return b < 0x20 || b == 0x7F;
  if (name == "xdigit") return digit || (b >= 'a' && b <= 'f') || (b >= 'A' && b <= 'F');
  return false;
}

// A class such as [:alpha:] at `at`; its size, or 0.
std::size_t ClassSize(std::string_view pattern, std::size_t at) {
  if (pattern.substr(at, 2) != "[:") return 0;
  const std::size_t end = pattern.find(":]", at + 2);
  return end == std::string_view::npos ? 0 : end + 2 - at;
}

// One byte of a bracket, a backslash taken off; false at the end of the pattern.
bool BracketByte(std::string_view pattern, std::size_t* at, char* byte) {
  if (*at < pattern.size() && pattern[*at] == '\\') ++*at;
  if (*at >= pattern.size()) return false;
  *byte = pattern[(*at)++];
  return true;
}

// Parses the bracket that begins at `at`. False when it is not closed: then '[' is only a '['.
bool MatchBracket(std::string_view pattern, std::size_t at, char byte, std::size_t* next,
                  bool* matches) {
  std::size_t i = at + 1;
  const bool negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  if (negated) ++i;
  bool hit = false;
  for (bool first = true;; first = false) {
    if (i >= pattern.size()) return false;
    if (pattern[i] == ']' && !first) break;
    if (const std::size_t size = ClassSize(pattern, i); size > 0) {
      hit |= InClass(pattern.substr(i + 2, size - 4), byte);
      i += size;
      continue;
    }
    char low = 0;
    if (!BracketByte(pattern, &i, &low)) return false;
    char high = low;
    if (i + 1 < pattern.size() && pattern[i] == '-' && pattern[i + 1] != ']') {
      ++i;
      if (!BracketByte(pattern, &i, &high)) return false;
    }
    hit |= Byte(low) <= Byte(byte) && Byte(byte) <= Byte(high);
  }
  *next = i + 1;
  *matches = hit != negated;
  return true;
}

}  // namespace

Glob::Glob(std::string pattern) : pattern_(std::move(pattern)) {
  std::string run;  // Of literal bytes.
  bool at_head = true;
  const auto end_run = [&] {
    if (at_head) head_ = run;
    if (run.size() > core_.size()) core_ = run;
    at_head = false;
    run.clear();
  };
  for (std::size_t i = 0; i < pattern_.size();) {
    std::size_t next = i + 1;
    bool matches = false;
    const char c = pattern_[i];
    if (c == '*' || c == '?' || (c == '[' && MatchBracket(pattern_, i, 'x', &next, &matches))) {
      end_run();
    } else if (c != '\\') {
      run += c;
    } else if (next < pattern_.size()) {
      run += pattern_[next++];
    }
    i = next;
  }
  end_run();
  const std::size_t special = pattern_.find_last_of("*?[]\\");
  if (special != std::string::npos && pattern_[special] == '*')
    tail_ = pattern_.substr(special + 1);
}

bool Glob::MatchOne(std::size_t at, char byte, std::size_t* next) const {
  *next = at + 1;
  switch (pattern_[at]) {
    case '?':
      return true;
    case '\\':
      *next = at + 2;
      return at + 1 < pattern_.size() && pattern_[at + 1] == byte;
    case '[':
      if (bool matches = false; MatchBracket(pattern_, at, byte, next, &matches)) return matches;
      *next = at + 1;
      return byte == '[';
    default:
      return pattern_[at] == byte;
  }
}

bool Glob::Matches(std::string_view text) const {
  if (!text.starts_with(head_) || !text.ends_with(tail_)) return false;
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string::npos;  // After the last star that was passed.
  std::size_t star_text = 0;             // What that star has swallowed ends here.
  while (t < text.size()) {
    if (p < pattern_.size() && pattern_[p] == '*') {
      star = ++p;
      star_text = t;
      continue;
    }
    if (std::size_t next = 0; p < pattern_.size() && MatchOne(p, text[t], &next)) {
      p = next;
      ++t;
      continue;
    }
    if (star == std::string::npos) return false;
    p = star;
    t = ++star_text;
  }
  while (p < pattern_.size() && pattern_[p] == '*') ++p;
  return p == pattern_.size();
}

bool Glob::IsPattern(std::string_view text) {
  return text.find_first_of("*?[") != std::string_view::npos;
}

Substring::Substring(std::string_view needle) : lower_(needle) {
  for (char& c : lower_) c = Lower(c);
}

bool Substring::Matches(std::string_view text) const {
  if (lower_.empty()) return true;
  const std::size_t n = lower_.size();
  for (std::size_t i = 0; i + n <= text.size(); ++i) {
    std::size_t k = 0;
    while (k < n && Lower(text[i + k]) == lower_[k]) ++k;
    if (k == n) return true;
  }
  return false;
}

}  // namespace fustor::glob
