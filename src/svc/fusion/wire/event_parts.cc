#include "svc/fusion/wire/event_parts.h"

#include <utility>

#include "base/path.h"

namespace fustor::fusion {

using batch::Change;
using batch::Source;
using json::Tape;

void ReadEventMember(std::string_view key, Tape::Node value, Event* event) {
  if (key == "event_type" && value.is_string()) {
    event->type = value.String();
  } else if (key == "message_source" && value.is_string()) {
    event->source = SourceOf(value.String());
  } else if (key == "index" && value.is_number()) {
    const double index = value.Number();
    if (index >= 0 && index < 1e15) event->index_ms = static_cast<std::int64_t>(index);
  } else if (key == "fields") {
    value.ForEachItem([&](Tape::Node name) {
      event->fields.push_back(name.is_string() ? RowFieldOf(name.String()) : RowField::kUnknown);
    });
  } else if (key == "rows" && value.is_array()) {
    event->rows = value;
  }
}

std::optional<Source> SourceOf(std::string_view name) {
  if (name == "realtime" || name == "message") return Source::kRealtime;
  if (name == "snapshot") return Source::kSnapshot;
  if (name == "audit") return Source::kAudit;
  if (name == "on_demand_job" || name == "job") return Source::kJob;
  return std::nullopt;
}

std::optional<Change::Kind> ChangeKindOf(std::string_view type) {
  if (type == "insert" || type == "update") return Change::Kind::kUpsert;
  if (type == "delete") return Change::Kind::kDelete;
  if (type == "move") return Change::Kind::kMove;
  return std::nullopt;
}

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= kNameBytesMax && name != "." && name != ".." &&
         name.find('\0') == std::string_view::npos && name.find('/') == std::string_view::npos;
}

bool Normal(std::string_view path, std::string* out) {
  if (path.empty()) return false;
  if (IsNormalViewPath(path)) {
    *out = path;
    return true;
  }
  Result<std::string> normal = NormalizeViewPath(path);
  if (!normal.ok()) return false;
  *out = *std::move(normal);
  return true;
}

bool TakeChange(Change::Kind kind, const PushedRow& row, batch::Batch* to) {
  Change change;
  change.kind = kind;
  if (!Normal(row.path, &change.path)) return false;
  if (kind == Change::Kind::kMove) {
    if (!Normal(row.old_path, &change.old_path)) return false;
    change.moved = batch::MovedOf(row.moved);
    change.moved_inode = row.attrs.inode;
  }
  if (kind == Change::Kind::kUpsert) {
    change.attrs = row.attrs;
    change.target = row.target;
    change.atomic = row.atomic;
  }
  to->changes.push_back(std::move(change));
  return true;
}

void SortStrictly(EntryList* rows) {
  bool sorted = true;
  for (std::size_t i = 1; i < rows->size() && sorted; ++i)
    sorted = rows->name(i - 1) < rows->name(i);
  if (sorted) return;
  rows->SortByName();
  bool repeats = false;
  for (std::size_t i = 1; i < rows->size() && !repeats; ++i) {
    repeats = rows->name(i - 1) == rows->name(i);
  }
  if (!repeats) return;
  EntryList once;
  once.Reserve(rows->size(), 0);
  for (std::size_t i = 0; i < rows->size();) {
    // Names lie in the arena in the order in which they came.
    std::size_t last = i;
    std::size_t next = i + 1;
    for (; next < rows->size() && rows->name(next) == rows->name(i); ++next) {
      if (rows->name(next).data() > rows->name(last).data()) last = next;
    }
    once.Append(rows->name(last), rows->attrs(last), rows->target(last));
    i = next;
  }
  *rows = std::move(once);
}

}  // namespace fustor::fusion
