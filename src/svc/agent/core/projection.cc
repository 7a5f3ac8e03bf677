#include "svc/agent/core/projection.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include "base/path.h"
#include "lib/config/reader.h"

namespace fustor::agent {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;

template <class T>
std::optional<T> Parse(const std::string& text) {
  T value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || text.empty()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> Rounded(double value, double scale) {
  const double scaled = value * scale;
  if (!std::isfinite(scaled) || std::fabs(scaled) > 9.2e18) return std::nullopt;
  return static_cast<std::int64_t>(std::llround(scaled));
}

std::string Printed(double value) {
  char text[32];
  const auto [end, error] = std::to_chars(std::begin(text), std::end(text), value);
  return {text, end};
}

}  // namespace

std::optional<Projection::Field> Projection::FieldOf(std::string_view name) {
  constexpr std::pair<std::string_view, Field> kFields[] = {
      {"path", Field::kPath},
      {"file_name", Field::kFileName},
      {"is_directory", Field::kIsDirectory},
      {"is_atomic_write", Field::kIsAtomicWrite},
      {"size", Field::kSize},
      {"allocated_size", Field::kAllocatedSize},
      {"modified_time", Field::kModifiedTime},
      {"modified_time_ns", Field::kModifiedTimeNs},
      {"created_time", Field::kChangedTime},
      {"changed_time", Field::kChangedTime},
      {"accessed_time", Field::kAccessedTime},
      {"mode", Field::kMode},
      {"uid", Field::kUid},
      {"gid", Field::kGid},
      {"inode", Field::kInode},
      {"nlink", Field::kNlink},
      {"symlink_target", Field::kSymlinkTarget},
      {"file_path", Field::kPath},
      {"is_dir", Field::kIsDirectory}};
  for (const auto& [known, field] : kFields) {
    if (name == known) return field;
  }
  return std::nullopt;
}

std::vector<std::string> Projection::FieldNames() {
  return {"path",          "file_name",
          "is_directory",  "is_atomic_write",
          "size",          "allocated_size",
          "modified_time", "modified_time_ns",
          "created_time",  "changed_time",
          "accessed_time", "mode",
          "uid",           "gid",
          "inode",         "nlink",
          "symlink_target"};
}

Status Projection::Check(const FieldRule& rule) {
  const auto unknown = [](const std::string& key, const std::string& name) {
    return Status(Code::kInvalidArgument, key + ": '" + name + "' is no field of a row" +
                                              config::Suggestion(name, FieldNames()));
  };
  const std::optional<Field> to = FieldOf(rule.to);
  if (!to) return unknown("to", rule.to);
  for (const FieldRule::Source& source : rule.sources) {
    if (!FieldOf(source.name)) return unknown("source", source.name);
  }
  const bool structure =
      *to == Field::kPath || *to == Field::kFileName || *to == Field::kIsDirectory;
  if (structure) {
    const bool itself = rule.sources.size() == 1 && FieldOf(rule.sources[0].name) == to;
    if (itself && !rule.hardcoded_value) return {};
    return {Code::kInvalidArgument,
            "to: '" + rule.to + "' can only be what it is: it makes the tree"};
  }
  Row row;
  if (rule.hardcoded_value && !Assign(Value(*rule.hardcoded_value), *to, &row)) {
    return {Code::kInvalidArgument,
            "hardcoded_value: '" + *rule.hardcoded_value + "' is no value of '" + rule.to + "'"};
  }
  return {};
}

Status Projection::CheckAll(const std::vector<FieldRule>& rules) {
  std::set<Field> targets;
  for (const FieldRule& rule : rules) {
    const std::optional<Field> to = FieldOf(rule.to);
    if (to && !targets.insert(*to).second) {
      return {Code::kInvalidArgument, "two rules make '" + rule.to + "'"};
    }
  }
  if (!rules.empty() && !targets.contains(Field::kPath)) {
    return {Code::kInvalidArgument,
            "a rule for 'path' is missing: without it no row says what it is about"};
  }
  return {};
}

Projection::Projection(const std::vector<FieldRule>& rules) {
  std::set<Field> kept;
  for (const FieldRule& rule : rules) {
    Rule& mine = rules_.emplace_back();
    mine.to = FieldOf(rule.to).value();
    for (const FieldRule::Source& source : rule.sources) {
      mine.sources.push_back({FieldOf(source.name).value(), source.type});
    }
    if (rule.hardcoded_value) mine.constant = *rule.hardcoded_value;
    mine.required = rule.required;
    const bool as_it_is = mine.sources.size() == 1 && mine.sources[0].field == mine.to &&
                          mine.sources[0].type != FieldRule::Type::kInteger;
    if (as_it_is) kept.insert(mine.to);
  }
  const bool mtime = kept.contains(Field::kModifiedTime) || kept.contains(Field::kModifiedTimeNs);
  keeps_evidence_ = rules_.empty() || (mtime && kept.contains(Field::kSize));
}

Projection::Value Projection::Extract(const Row& row, Field field) {
  const EntryAttrs& a = row.attrs;
  switch (field) {
    case Field::kPath:
      return row.directory.empty() ? std::string(row.name) : JoinPath(row.directory, row.name);
    case Field::kFileName:
      return std::string(row.directory.empty() ? SplitPath(row.name).second : row.name);
    case Field::kIsDirectory:
      return a.is_directory();
    case Field::kIsAtomicWrite:
      return row.atomic;
    case Field::kSize:
      return a.size_bytes;
    case Field::kAllocatedSize:
      return a.allocated_bytes;
    case Field::kModifiedTime:
      return Time{a.mtime_ns};
    case Field::kModifiedTimeNs:
      return a.mtime_ns;
    case Field::kChangedTime:
      return Time{a.ctime_ns};
    case Field::kAccessedTime:
      return Time{a.atime_ns};
    case Field::kMode:
      return std::int64_t{a.mode};
    case Field::kUid:
      return std::int64_t{a.uid};
    case Field::kGid:
      return std::int64_t{a.gid};
    case Field::kInode:
      return static_cast<std::int64_t>(a.inode);
    case Field::kNlink:
      return std::int64_t{a.nlink};
    case Field::kSymlinkTarget:
      if (row.target.empty()) return {};
      return row.target;
  }
  return {};
}

Projection::Value Projection::Convert(Value value, FieldRule::Type type) {
  using Type = FieldRule::Type;
  const auto* text = std::get_if<std::string>(&value);
  const auto* integer = std::get_if<std::int64_t>(&value);
  const auto* number = std::get_if<double>(&value);
  const auto* boolean = std::get_if<bool>(&value);
  const auto* time = std::get_if<Time>(&value);
  const auto optional = [](const auto& found) { return found ? Value(*found) : Value(); };
  if (std::holds_alternative<std::monostate>(value) || type == Type::kAny) return value;
  if (type == Type::kString) {
    if (integer != nullptr) return std::to_string(*integer);
    if (number != nullptr) return Printed(*number);
    if (boolean != nullptr) return std::string(*boolean ? "true" : "false");
    if (time != nullptr) return Printed(static_cast<double>(time->ns) / kSecondNs);
    return value;
  }
  if (type == Type::kInteger) {
    if (text != nullptr) return optional(Parse<std::int64_t>(*text));
    if (number != nullptr) return optional(Rounded(std::trunc(*number), 1));
    if (boolean != nullptr) return std::int64_t{*boolean};
    if (time != nullptr) return time->ns / kSecondNs - (time->ns % kSecondNs < 0 ? 1 : 0);
    return value;
  }
  if (type == Type::kNumber) {
    if (text != nullptr) return optional(Parse<double>(*text));
    if (boolean != nullptr) return std::int64_t{*boolean};
    return value;
  }
  if (text != nullptr) {
    if (*text == "true" || *text == "1") return true;
    if (*text == "false" || *text == "0") return false;
    return {};
  }
  if (integer != nullptr) return *integer != 0;
  if (number != nullptr) return *number != 0;
  if (time != nullptr) return time->ns != 0;
  return value;
}

bool Projection::AssignInteger(const Value& value, std::int64_t least, std::int64_t most,
                               std::int64_t* to) {
  const Value integer = Convert(value, FieldRule::Type::kInteger);
  const auto* found = std::get_if<std::int64_t>(&integer);
  if (found == nullptr || *found < least || *found > most) return false;
  *to = *found;
  return true;
}

bool Projection::AssignSeconds(const Value& value, std::int64_t* ns) {
  std::optional<std::int64_t> found;
  const Value number = Convert(value, FieldRule::Type::kNumber);
  if (const auto* time = std::get_if<Time>(&number)) found = time->ns;
  if (const auto* whole = std::get_if<std::int64_t>(&number)) {
    found = Rounded(static_cast<double>(*whole), kSecondNs);
  }
  if (const auto* real = std::get_if<double>(&number)) found = Rounded(*real, kSecondNs);
  if (found) *ns = *found;
  return found.has_value();
}

bool Projection::Assign(const Value& value, Field field, Row* row) {
  using Type = FieldRule::Type;
  EntryAttrs& a = row->attrs;
  constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  const auto unsigned_32 = [&](std::uint32_t* to) {
    std::int64_t found = 0;
    if (!AssignInteger(value, 0, std::numeric_limits<std::uint32_t>::max(), &found)) return false;
    *to = static_cast<std::uint32_t>(found);
    return true;
  };
  switch (field) {
    case Field::kPath:
    case Field::kFileName:
    case Field::kIsDirectory:
      return true;  // They stay what they are.
    case Field::kIsAtomicWrite: {
      const Value boolean = Convert(value, Type::kBoolean);
      const auto* found = std::get_if<bool>(&boolean);
      if (found != nullptr) row->atomic = *found;
      return found != nullptr;
    }
    case Field::kSize:
      return AssignInteger(value, 0, kMost, &a.size_bytes);
    case Field::kAllocatedSize:
      return AssignInteger(value, 0, kMost, &a.allocated_bytes);
    case Field::kModifiedTime:
      return AssignSeconds(value, &a.mtime_ns);
    case Field::kModifiedTimeNs:
      if (const auto* time = std::get_if<Time>(&value)) {
        a.mtime_ns = time->ns;
        return true;
      }
      return AssignInteger(value, kLeast, kMost, &a.mtime_ns);
    case Field::kChangedTime:
      return AssignSeconds(value, &a.ctime_ns);
    case Field::kAccessedTime:
      return AssignSeconds(value, &a.atime_ns);
    case Field::kMode:
      return unsigned_32(&a.mode);
    case Field::kUid:
      return unsigned_32(&a.uid);
    case Field::kGid:
      return unsigned_32(&a.gid);
    case Field::kInode: {
      std::int64_t inode = 0;
      if (!AssignInteger(value, kLeast, kMost, &inode)) return false;
      a.inode = static_cast<std::uint64_t>(inode);
      return true;
    }
    case Field::kNlink:
      return unsigned_32(&a.nlink);
    case Field::kSymlinkTarget: {
      const Value text = Convert(value, Type::kString);
      const auto* found = std::get_if<std::string>(&text);
      if (found == nullptr || found->size() > 0xFFFF) return false;
      row->target = *found;
      return true;
    }
  }
  return false;
}

bool Projection::Project(Row* row) {
  Row out;
  out.directory = row->directory;
  out.name = row->name;
  out.attrs.kind = row->attrs.kind;
  bool whole = true;
  for (const Rule& rule : rules_) {
    bool assigned = false;
    bool had_value = rule.sources.empty();
    for (const Source& source : rule.sources) {
      const Value value = Extract(*row, source.field);
      if (std::holds_alternative<std::monostate>(value)) continue;
      had_value = true;
      const Value converted = Convert(value, source.type);
      if (std::holds_alternative<std::monostate>(converted)) continue;
      assigned = Assign(converted, rule.to, &out);
      if (assigned) break;
    }
    if (!assigned && !std::holds_alternative<std::monostate>(rule.constant)) {
      assigned = Assign(rule.constant, rule.to, &out);
    }
    if (assigned) {
      // Numbers of a file system tell one file from another only together.
      if (rule.to == Field::kInode) out.attrs.device = row->attrs.device;
      continue;
    }
    if (had_value) ++fields_left_out_;
    if (rule.required && !row->attrs.is_directory()) whole = false;
  }
  *row = std::move(out);
  if (!whole) ++rows_left_out_;
  return whole;
}

void Projection::Apply(batch::DirBlock* block) {
  const EntryList rows = std::move(block->rows);
  block->rows = {};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Row row{block->path, rows.name(i), rows.attrs(i), std::string(rows.target(i))};
    if (Project(&row)) block->rows.Append(rows.name(i), row.attrs, row.target);
  }
  // Where it is hidden a change tells it.
  if (!block->self.is_directory()) return;
  Row self{"", block->path, block->self, ""};
  (void)Project(&self);
  block->self = self.attrs;
}

void Projection::Apply(batch::Batch* batch) {
  if (empty()) return;
  for (batch::DirBlock& block : batch->blocks) Apply(&block);
  for (batch::Change& change : batch->changes) {
    if (change.kind != batch::Change::Kind::kUpsert) continue;
    Row row{"", change.path, change.attrs, std::move(change.target), change.atomic};
    if (!Project(&row)) {
      // It may have been told when it was otherwise.
      change.kind = batch::Change::Kind::kDelete;
      row.attrs = {};
      row.target.clear();
    }
    change.attrs = row.attrs;
    change.target = std::move(row.target);
    change.atomic = row.atomic;
  }
}

}  // namespace fustor::agent
