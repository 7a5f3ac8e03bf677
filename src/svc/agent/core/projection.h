// projection.h: what of a row leaves the agent, as fields_mapping of a pipe says.
//
// Pure; one owner. Without a rule rows pass unchanged. With any, only the fields that a rule names
// (`to`) leave, each with what its rule makes of the row: the first of its sources that has a value
// of the type asked for, else the constant. Targets are fields of rows, on every driver: no Fusion
// reads other ones. What makes the tree always leaves: paths (a rule for `path` must be there, so
// that nobody drops it by mistake), which entries are directories, renames and deletions.
//
// What cannot be had (no source has a value, or it does not convert) is left out of the row and
// counted, or, where the rule is `required`, the row is left out: such an entry is not there for
// Fusion. Directories are never left out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "lib/batch/batch.h"
#include "svc/agent/core/config.h"

namespace fustor::agent {

class Projection {
 public:
  // The names that a rule may use; older names of the same are not among them.
  static std::vector<std::string> FieldNames();
  // What is wrong with one rule, by name; Ok: nothing.
  static Status Check(const FieldRule& rule);
  // What is wrong with the rules together.
  static Status CheckAll(const std::vector<FieldRule>& rules);

  // REQUIRES: Check and CheckAll have found nothing.
  explicit Projection(const std::vector<FieldRule>& rules);

  bool empty() const { return rules_.empty(); }
  // False: Fusion does not know a file's size and times as they are, so that comparing them with
  // what is seen tells nothing.
  bool keeps_evidence() const { return keeps_evidence_; }
  void Apply(batch::Batch* batch);

  std::uint64_t fields_left_out() const { return fields_left_out_; }
  std::uint64_t rows_left_out() const { return rows_left_out_; }

 private:
  enum class Field : std::uint8_t {
    kPath,
    kFileName,
    kIsDirectory,
    kIsAtomicWrite,
    kSize,
    kAllocatedSize,
    kModifiedTime,
    kModifiedTimeNs,
    kChangedTime,
    kAccessedTime,
    kMode,
    kUid,
    kGid,
    kInode,
    kNlink,
    kSymlinkTarget,
  };
  // A time is a number of seconds that loses nothing on its way.
  struct Time {
    std::int64_t ns;
  };
  using Value = std::variant<std::monostate, std::string, std::int64_t, double, bool, Time>;
  struct Row {
    std::string_view directory;  // Of changes: empty, and `name` is the path.
    std::string_view name;
    EntryAttrs attrs;
    std::string target;
    bool atomic = true;
  };
  struct Source {
    Field field;
    FieldRule::Type type;
  };
  struct Rule {
    Field to;
    std::vector<Source> sources;
    Value constant;
    bool required;
  };
  static std::optional<Field> FieldOf(std::string_view name);
  static Value Extract(const Row& row, Field field);
  static Value Convert(Value value, FieldRule::Type type);
  // The next three: false: the value does not fit.
  static bool AssignInteger(const Value& value, std::int64_t least, std::int64_t most,
                            std::int64_t* to);
  static bool AssignSeconds(const Value& value, std::int64_t* ns);
  static bool Assign(const Value& value, Field field, Row* row);
  // False: it is to be left out.
  bool Project(Row* row);
  void Apply(batch::DirBlock* block);

  std::vector<Rule> rules_;
  bool keeps_evidence_ = true;
  std::uint64_t fields_left_out_ = 0;
  std::uint64_t rows_left_out_ = 0;
};

}  // namespace fustor::agent
