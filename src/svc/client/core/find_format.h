// find_format.h: what find -printf and find -ls print of an entry.
//
// Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "svc/client/core/find_expression.h"

namespace fustor::client {

class FindFormat {
 public:
  // Errors: kInvalidArgument: a directive that find does not have or that cannot be answered here.
  static Result<FindFormat> Parse(std::string_view format);

  // Whether more than the path is printed.
  bool needs_attributes() const { return needs_attributes_; }
  void Append(const Candidate& candidate, std::string* out) const;

 private:
  struct Piece {
    char directive = '\0';  // '\0': `text` as it is.
    char time = '\0';       // Of A, C and T: the letter behind it.
    std::string text;       // Or the flags of the directive.
    std::size_t width = 0;
    std::optional<std::size_t> precision;
  };
  class Parser;

  static std::string Value(const Piece& piece, const Candidate& candidate);

  std::vector<Piece> pieces_;
  bool needs_attributes_ = false;
};

// find -ls: aligned as far as the lines before allow.
class FindListing {
 public:
  std::string Line(const Candidate& candidate);

 private:
  std::size_t inode_ = 9, blocks_ = 6, links_ = 3, user_ = 8, group_ = 8, size_ = 8;
};

}  // namespace fustor::client
