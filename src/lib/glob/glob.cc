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

// One byte of a bracket, a backslash taken off; false at the end of the pattern.
bool BracketByte(std::string_view pattern, std::size_t* at, char* byte) {
  if (*at < pattern.size() && pattern[*at] == '\\') ++*at;
  if (*at >= pattern.size()) return false;
  *byte = pattern[(*at)++];
  return true;
}

void AddClass(std::string_view name, std::bitset<256>* set) {
  for (std::size_t b = 0; b < set->size(); ++b) {
    if (InClass(name, static_cast<char>(b))) set->set(b);
  }
}

}  // namespace

// Takes a pattern apart, bracket by bracket.
class Glob::Compiler {
 public:
  explicit Compiler(Glob* glob)
      : glob_(*glob),
        pattern_(glob->pattern_),
        last_close_(pattern_.rfind(']')),
        last_class_end_(pattern_.rfind(":]")) {}

  void Run() {
    for (std::size_t i = 0; i < pattern_.size();) {
      std::size_t next = i + 1;
      if (pattern_[i] == '*') {
        Add({.kind = Token::Kind::kStar});
      } else if (pattern_[i] == '?') {
        Add({.kind = Token::Kind::kAny});
      } else if (pattern_[i] == '[' && ReadBracket(i, nullptr, &next)) {
        ReadBracket(i, &glob_.sets_.emplace_back(), &next);
        Add({.kind = Token::Kind::kSet, .set = static_cast<std::uint32_t>(glob_.sets_.size() - 1)});
      } else if (pattern_[i] != '\\') {
        Add({.byte = pattern_[i]});
      } else if (next < pattern_.size()) {
        Add({.byte = pattern_[next++]});
      } else {
        Add({.kind = Token::Kind::kNever});
      }
      i = next;
    }
    EndRun();
    const std::size_t special = pattern_.find_last_of("*?[]\\");
    if (special != std::string::npos && pattern_[special] == '*') {
      glob_.tail_ = pattern_.substr(special + 1);
    }
  }

 private:
  void Add(const Token& token) {
    glob_.tokens_.push_back(token);
    if (token.kind == Token::Kind::kByte) {
      run_ += token.byte;
    } else {
      EndRun();
    }
  }
  void EndRun() {
    if (at_head_) glob_.head_ = run_;
    if (run_.size() > glob_.core_.size()) glob_.core_ = run_;
    at_head_ = false;
    run_.clear();
  }
  // A class such as [:alpha:] at `at`; its size, or 0.
  std::size_t ClassSize(std::size_t at) const {
    if (pattern_.substr(at, 2) != "[:") return 0;
    if (last_class_end_ == std::string_view::npos || last_class_end_ < at + 2) return 0;
    return pattern_.find(":]", at + 2) + 2 - at;
  }
  // The bracket that begins at `at`. False when it is not closed: then '[' is only a '['. O(what
  // follows).
  bool ReadBracket(std::size_t at, std::bitset<256>* set, std::size_t* next) const {
    if (last_close_ == std::string_view::npos || last_close_ < at) return false;
    std::size_t i = at + 1;
    const bool negated = i < pattern_.size() && (pattern_[i] == '!' || pattern_[i] == '^');
    if (negated) ++i;
    for (bool first = true;; first = false) {
      if (i >= pattern_.size()) return false;
      if (pattern_[i] == ']' && !first) break;
      if (const std::size_t size = ClassSize(i); size > 0) {
        if (set != nullptr) AddClass(pattern_.substr(i + 2, size - 4), set);
        i += size;
        continue;
      }
      char low = 0;
      if (!BracketByte(pattern_, &i, &low)) return false;
      char high = low;
      if (i + 1 < pattern_.size() && pattern_[i] == '-' && pattern_[i + 1] != ']') {
        ++i;
        if (!BracketByte(pattern_, &i, &high)) return false;
      }
      for (std::size_t b = Byte(low); set != nullptr && b <= Byte(high); ++b) set->set(b);
    }
    *next = i + 1;
    if (set != nullptr && negated) set->flip();
    return true;
  }

  Glob& glob_;
  const std::string_view pattern_;
  const std::size_t last_close_, last_class_end_;
  std::string run_;  // Of literal bytes.
  bool at_head_ = true;
};

Glob::Glob(std::string pattern) : pattern_(std::move(pattern)) { Compiler(this).Run(); }

bool Glob::MatchOne(const Token& token, char byte) const {
  switch (token.kind) {
    case Token::Kind::kByte:
      return token.byte == byte;
    case Token::Kind::kAny:
      return true;
    case Token::Kind::kSet:
      return sets_[token.set][Byte(byte)];
    default:
      return false;
  }
}

bool Glob::Matches(std::string_view text) const {
  if (!text.starts_with(head_) || !text.ends_with(tail_)) return false;
  const auto is_star = [this](std::size_t p) {
    return p < tokens_.size() && tokens_[p].kind == Token::Kind::kStar;
  };
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string::npos;  // After the last star that was passed.
  std::size_t star_text = 0;             // What that star has swallowed ends here.
  while (t < text.size()) {
    if (is_star(p)) {
      star = ++p;
      star_text = t;
    } else if (p < tokens_.size() && MatchOne(tokens_[p], text[t])) {
      ++p;
      ++t;
    } else if (star == std::string::npos) {
      return false;
    } else {
      p = star;
      t = ++star_text;
    }
  }
  while (is_star(p)) ++p;
  return p == tokens_.size();
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
