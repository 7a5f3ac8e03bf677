// find_expression.h: the language of find(1), as far as metadata can answer it.
//
// Pure. An expression is checked here, entry by entry; Narrow() gives a coarser question for
// Fusion, which every matching entry also answers, so that far fewer entries travel.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "svc/client/core/node.h"

namespace fustor::client {

// Who has a number. The number itself when nobody has it.
class Accounts {
 public:
  virtual ~Accounts() = default;
  virtual std::string UserName(std::uint32_t uid) const = 0;
  virtual std::string GroupName(std::uint32_t gid) const = 0;
};

// An entry as find sees it: `shown` is the path as it is printed.
struct Candidate {
  const Node* node = nullptr;
  std::string_view shown;
  const Accounts* accounts = nullptr;  // REQUIRED for -user and -group.
};

class Expression {
 public:
  virtual ~Expression() = default;
  virtual bool Matches(const Candidate& candidate) const = 0;
};

// What Fusion's search understands.
struct Narrowing {
  std::string pattern;              // "": every name.
  std::optional<std::string> type;  // "file", "directory", "symlink". nullopt: any.
  std::optional<std::int64_t> size_min_bytes, size_max_bytes;
  std::optional<std::int64_t> mtime_min_ns, mtime_max_ns;
};

struct FindRequest {
  std::vector<std::string> paths;  // Never empty: "." when none was given.
  std::shared_ptr<const Expression> expression;
  Narrowing narrowing;
  std::optional<std::uint64_t> depth_max;
  std::uint64_t depth_min = 0;
  std::optional<std::uint64_t> limit;
  bool zero = false;
  // What the expression looks at: names alone, or even the sums of directories.
  bool needs_attributes = false;
  bool needs_totals = false;
  // The options of every command, which find takes in their long forms.
  bool json = false;
  bool wait = false;
  std::optional<std::string> home, url, key;
};

// Reads what follows "fustor find". `now` is what -mtime and its like count from.
// Errors: kInvalidArgument with a sentence for the user.
Result<FindRequest> ParseFind(const std::vector<std::string>& args, WallTime now);

}  // namespace fustor::client
