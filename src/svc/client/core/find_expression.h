// find_expression.h: the language of find(1), as far as metadata can answer it.
//
// Pure. An expression is evaluated here, entry by entry, and says what is to be printed; Narrowing
// is a coarser question for Fusion, to which every entry that the expression does anything about
// is also an answer, so that far fewer entries travel.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "svc/client/core/calendar.h"
#include "svc/client/core/node.h"

namespace fustor::client {

// Who has a number. The number itself when nobody has it.
class Accounts {
 public:
  virtual ~Accounts() = default;
  virtual std::string UserName(std::uint32_t uid) const = 0;
  virtual std::string GroupName(std::uint32_t gid) const = 0;
};

// Nanoseconds since 1970.
struct FileTimes {
  std::int64_t mtime_ns = 0, ctime_ns = 0, atime_ns = 0;
};

// What an evaluation knows beside the entry.
struct FindContext {
  WallTime now;
  const Accounts* accounts = nullptr;
  const LocalClock* clock = nullptr;
  bool on_terminal = false;                // Then nothing printed may be obeyed by it.
  std::vector<FileTimes> references = {};  // Of FindRequest::references, one each.
};

// An entry as find sees it.
struct Candidate {
  const Node* node = nullptr;
  std::string_view start;  // The starting point as it was typed.
  std::string_view shown;  // The path as it is printed; begins with `start`.
  std::uint64_t depth = 0;
  const FindContext* context = nullptr;
};

// What the actions of an expression do.
class FindActions {
 public:
  virtual ~FindActions() = default;
  virtual void Print(const Candidate& candidate) = 0;  // A line of its own, or JSON.
  virtual void Write(std::string_view bytes) = 0;      // As it is.
  // Nothing below this entry is of interest.
  virtual void Prune() = 0;
};

enum class Verdict { kFalse, kTrue, kStop };  // kStop: the whole run ends here (-quit).

class Expression {
 public:
  virtual ~Expression() = default;
  virtual Verdict Evaluate(const Candidate& candidate, FindActions& actions) const = 0;
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
  std::optional<std::uint64_t> limit;   // Of entries that something was printed about.
  std::vector<std::string> references;  // Files whose times are asked for: -newer FILE.
  // Names that -user and -group look for, to be known on this machine: nobody has a misspelt one.
  std::vector<std::string> users, groups;
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
Result<FindRequest> ParseFind(const std::vector<std::string>& args, WallTime now,
                              const LocalClock& clock);

// Every word that an expression may have, for completion: tests, operators, actions, settings.
std::vector<std::string_view> FindWords();

}  // namespace fustor::client
