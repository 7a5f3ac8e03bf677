#include "svc/fusion/wire/pushed_events.h"

#include <algorithm>
#include <deque>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/json_writer.h"
#include "base/path.h"
#include "lib/batch/session.h"
#include "svc/fusion/wire/pushed_rows.h"

namespace fustor::fusion {
namespace {

using batch::Change;
using batch::DirBlock;
using batch::Source;
using json::Tape;

constexpr std::uint64_t kPartsMax = 10'000;

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= kNameBytesMax && name != "." && name != ".." &&
         name.find('\0') == std::string_view::npos;
}

std::optional<Source> SourceOf(std::string_view name) {
  if (name == "realtime" || name == "message") return Source::kRealtime;
  if (name == "snapshot") return Source::kSnapshot;
  if (name == "audit") return Source::kAudit;
  if (name == "on_demand_job" || name == "job") return Source::kJob;
  return std::nullopt;
}

// Sorts by name; of rows with one name the last stays.
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

// False: a path of the row makes no sense.
bool TakeChange(Change::Kind kind, const PushedRow& row, batch::Batch* to) {
  Change change;
  change.kind = kind;
  if (!Normal(row.path, &change.path)) return false;
  if (kind == Change::Kind::kMove && !Normal(row.old_path, &change.old_path)) return false;
  if (kind == Change::Kind::kUpsert) {
    change.attrs = row.attrs;
    change.target = row.target;
    change.atomic = row.atomic;
  }
  to->changes.push_back(std::move(change));
  return true;
}

// Makes batches of rows that come one by one.
class Collector {
 public:
  explicit Collector(PushedEvents* pushed) : pushed_(pushed) {}

  void BeginEvent(Source source, std::int64_t index_ms) {
    if (!batch_ || batch_->source != source) {
      Finish();
      batch_.emplace();
      batch_->source = source;
      batch_->loose = true;
    }
    batch_->index_ms = std::max(batch_->index_ms, index_ms);
  }
  // REQUIRES: an event has begun. False: the row's path makes no sense.
  bool AddChange(Change::Kind kind, const PushedRow& row) {
    return TakeChange(kind, row, &*batch_);
  }
  bool AddRow(const PushedRow& row) {
    const auto [parent, name] = SplitPath(row.path);
    // Rows of one directory mostly follow each other.
    const bool usual = !row.attrs.is_directory() && has_last_ && parent == last_parent_ &&
                       IsName(name) && row.path.size() <= kPathBytesMax;
    if (usual) return AddChild(last_block_, name, row);
    std::string_view path = row.path;
    if (!IsNormalViewPath(path)) {
      std::string normal;
      if (!Normal(path, &normal)) return false;
      path = normalized_.emplace_back(std::move(normal));
    }
    if (row.attrs.is_directory()) {
      DirBlock& block = batch_->blocks[BlockOf(path)];
      block.self = row.attrs;
      block.silent = row.silent;
      return true;
    }
    if (path == "/") return false;
    const auto [directory, file] = SplitPath(path);
    last_block_ = BlockOf(directory);
    last_parent_ = directory;
    has_last_ = true;
    return AddChild(last_block_, file, row);
  }
  void Finish() {
    if (!batch_) return;
    for (DirBlock& block : batch_->blocks) SortStrictly(&block.rows);
    std::sort(batch_->blocks.begin(), batch_->blocks.end(),
              [](const DirBlock& a, const DirBlock& b) { return a.path < b.path; });
    if (batch_->row_count() > 0) pushed_->batches.push_back(*std::move(batch_));
    batch_.reset();
    blocks_.clear();
    has_last_ = false;
    normalized_.clear();
  }

 private:
  std::uint32_t BlockOf(std::string_view path) {
    const auto [it, fresh] =
        blocks_.try_emplace(path, static_cast<std::uint32_t>(batch_->blocks.size()));
    if (fresh) batch_->blocks.emplace_back().path = path;
    return it->second;
  }
  bool AddChild(std::uint32_t at, std::string_view name, const PushedRow& row) {
    DirBlock& block = batch_->blocks[at];
    block.rows.Append(name, row.attrs, row.target);
    const std::int64_t seen = row.parent_mtime_ns;
    // The earliest of several looks: what it does not allow, the next scan finds.
    if (seen != 0 && (block.seen_mtime_ns == 0 || seen < block.seen_mtime_ns)) {
      block.seen_mtime_ns = seen;
    }
    return true;
  }

  PushedEvents* pushed_;
  std::optional<batch::Batch> batch_;
  std::unordered_map<std::string_view, std::uint32_t> blocks_;  // By path, in the tape or below.
  std::deque<std::string> normalized_;
  bool has_last_ = false;
  std::string_view last_parent_;
  std::uint32_t last_block_ = 0;
};

struct Event {
  std::string_view type;
  std::optional<Source> source;
  std::int64_t index_ms = -1;
  std::vector<RowField> fields;
  std::optional<Tape::Node> rows;
};

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

std::optional<Change::Kind> ChangeKindOf(std::string_view type) {
  if (type == "insert" || type == "update") return Change::Kind::kUpsert;
  if (type == "delete") return Change::Kind::kDelete;
  if (type == "move") return Change::Kind::kMove;
  return std::nullopt;
}

class EventReader {
 public:
  EventReader(const PushLimits& limits, std::optional<Source> usual, PushedEvents* pushed)
      : limits_(limits), usual_(usual), pushed_(pushed), collector_(pushed) {}

  // False: over a limit, which `bad` names.
  bool Read(Tape::Node node, BadField* bad) {
    if (++pushed_->events > limits_.events_max) {
      *bad = {"events", "more than " + std::to_string(limits_.events_max) + " events"};
      return false;
    }
    Event event;
    node.ForEachMember(
        [&](std::string_view key, Tape::Node value) { ReadEventMember(key, value, &event); });
    const Source source = event.source.value_or(usual_.value_or(Source::kRealtime));
    last_ = source;
    const std::optional<Change::Kind> kind = KindOf(event.type, source);
    if (!event.rows || !kind) {
      ++pushed_->rejected;
      return true;
    }
    collector_.BeginEvent(source, event.index_ms);
    event.rows->ForEachItem([&](Tape::Node row) { Take(*kind, source, event.fields, row); });
    if (pushed_->rows + pushed_->rejected <= limits_.rows_max) return true;
    *bad = {"events", "more than " + std::to_string(limits_.rows_max) + " rows"};
    return false;
  }
  void Finish() { collector_.Finish(); }
  std::optional<Source> last() const { return last_; }

 private:
  // nullopt: nothing that could be told of this source.
  static std::optional<Change::Kind> KindOf(std::string_view type, Source source) {
    const std::optional<Change::Kind> kind = ChangeKindOf(type);
    const bool fits = source == Source::kRealtime || kind == Change::Kind::kUpsert;
    return fits ? kind : std::nullopt;
  }
  void Take(Change::Kind kind, Source source, const std::vector<RowField>& fields,
            Tape::Node node) {
    PushedRow row;
    const bool taken =
        ReadPushedRow(node, fields, &row) &&
        (source == Source::kRealtime ? collector_.AddChange(kind, row) : collector_.AddRow(row));
    ++(taken ? pushed_->rows : pushed_->rejected);
  }

  const PushLimits& limits_;
  const std::optional<Source> usual_;
  PushedEvents* pushed_;
  Collector collector_;
  std::optional<Source> last_;
};

// --- Numbered batches ---

bool ReadCount(Tape::Node node, std::string_view key, std::uint64_t max, std::uint64_t* out,
               BadField* bad) {
  const bool valid = node.kind() == Tape::Kind::kInt && node.Int() >= 0 &&
                     static_cast<std::uint64_t>(node.Int()) <= max;
  if (valid) {
    *out = static_cast<std::uint64_t>(node.Int());
  } else {
    *bad = {"batch." + std::string(key), "must be a whole number from 0"};
  }
  return valid;
}

// One member of the head of a numbered batch. False: *bad says why.
bool ReadHeadMember(std::string_view key, Tape::Node value, batch::Batch* to, PushedEvents* pushed,
                    BadField* bad) {
  std::uint64_t number = 0;
  if (key == "sequence") return ReadCount(value, key, INT64_MAX, &to->sequence, bad);
  if (key == "scan_id") return ReadCount(value, key, INT64_MAX, &to->scan_id, bad);
  if (key == "part" || key == "parts") {
    if (!ReadCount(value, key, kPartsMax, &number, bad)) return false;
    (key == "part" ? pushed->part : pushed->parts) = static_cast<std::uint32_t>(number);
  } else if (key == "mark") {
    if (!ReadCount(value, key, static_cast<std::uint64_t>(batch::ScanMark::kEnd), &number, bad)) {
      return false;
    }
    to->mark = static_cast<batch::ScanMark>(number);
  } else if (key == "index" && value.kind() == Tape::Kind::kInt) {
    to->index_ms = value.Int();
  } else if (key == "lost_events" && value.kind() == Tape::Kind::kBool) {
    to->lost_events = value.Bool();
  } else if (key == "source") {
    const std::optional<Source> source =
        value.is_string() ? SourceOf(value.String()) : std::nullopt;
    if (!source) {
      *bad = {"batch.source", "must be realtime, snapshot, audit or on_demand_job"};
      return false;
    }
    to->source = *source;
  } else if (key == "scan_path" && !value.is_null()) {
    if (!value.is_string() || !IsNormalViewPath(value.String())) {
      *bad = {"batch.scan_path", "must be a path"};
      return false;
    }
    to->scan_path = value.String();
  }
  return true;
}

bool ReadHead(Tape::Node head, batch::Batch* to, PushedEvents* pushed, BadField* bad) {
  bool valid = head.is_object();
  if (!valid) *bad = {"batch", "must be an object"};
  head.ForEachMember([&](std::string_view key, Tape::Node value) {
    valid = valid && ReadHeadMember(key, value, to, pushed, bad);
  });
  if (!valid) return false;
  if (to->sequence == 0 || pushed->part >= pushed->parts ||
      (to->mark == batch::ScanMark::kBegin && to->scan_path.empty())) {
    *bad = {"batch", "needs a sequence from 1, a part below parts, and a scan_path to begin with"};
    return false;
  }
  pushed->numbered = true;
  return true;
}

// {"event_type":"listing","path","complete","failed","silent","exempt":[],"fields","self","rows"}
class ListingReader {
 public:
  explicit ListingReader(PushedEvents* pushed) : pushed_(pushed) {}

  // False: there is no path to put it at.
  bool Read(Tape::Node event, const Event& head, batch::Batch* to) {
    DirBlock block;
    std::optional<Tape::Node> self;
    event.ForEachMember([&](std::string_view key, Tape::Node value) {
      if (key == "path" && value.is_string()) block.path = value.String();
      if (key == "self" && !value.is_null()) self = value;
      if (key == "complete") block.complete = IsTrue(value);
      if (key == "failed") block.failed = IsTrue(value);
      if (key == "silent") block.silent = IsTrue(value);
      if (key == "exempt") TakeExempt(value, &block);
    });
    if (!IsNormalViewPath(block.path)) return false;
    if (self) {
      PushedRow row;
      if (!ReadPushedRow(*self, head.fields, &row) || !row.attrs.is_directory()) return false;
      block.self = row.attrs;
    }
    if (head.rows) {
      head.rows->ForEachItem([&](Tape::Node row) { TakeChild(row, head.fields, &block); });
    }
    SortStrictly(&block.rows);
    to->blocks.push_back(std::move(block));
    return true;
  }

 private:
  static bool IsTrue(Tape::Node node) { return node.kind() == Tape::Kind::kBool && node.Bool(); }
  void TakeExempt(Tape::Node list, DirBlock* block) {
    list.ForEachItem([&](Tape::Node name) {
      if (name.is_string() && IsName(name.String()) &&
          name.String().find('/') == std::string_view::npos) {
        block->exempt.emplace_back(name.String());
      } else {
        block->complete = false;
        ++pushed_->rejected;
      }
    });
  }
  void TakeChild(Tape::Node node, const std::vector<RowField>& fields, DirBlock* block) {
    PushedRow row;
    if (ReadPushedRow(node, fields, &row) && IsName(row.name) &&
        row.name.find('/') == std::string_view::npos) {
      block->rows.Append(row.name, row.attrs, row.target);
      ++pushed_->rows;
    } else {
      block->complete = false;  // What is missing may exist.
      ++pushed_->rejected;
    }
  }

  PushedEvents* pushed_;
};

void ReadNumberedEvent(Tape::Node node, batch::Batch* to, PushedEvents* pushed) {
  Event event;
  node.ForEachMember(
      [&](std::string_view key, Tape::Node value) { ReadEventMember(key, value, &event); });
  if (event.type == "listing") {
    if (!ListingReader(pushed).Read(node, event, to)) ++pushed->rejected;
    return;
  }
  const std::optional<Change::Kind> kind = ChangeKindOf(event.type);
  if (!kind || !event.rows || to->source != Source::kRealtime) {
    ++pushed->rejected;
    return;
  }
  event.rows->ForEachItem([&](Tape::Node each) {
    PushedRow row;
    const bool taken = ReadPushedRow(each, event.fields, &row) && TakeChange(*kind, row, to);
    ++(taken ? pushed->rows : pushed->rejected);
  });
}

bool DecodeNumbered(Tape::Node head, std::optional<Tape::Node> events, const PushLimits& limits,
                    PushedEvents* pushed, BadField* bad) {
  batch::Batch batch;
  if (!ReadHead(head, &batch, pushed, bad)) return false;
  if (events) {
    events->ForEachItem([&](Tape::Node event) {
      ++pushed->events;
      if (pushed->events <= limits.events_max && pushed->rows <= limits.rows_max) {
        ReadNumberedEvent(event, &batch, pushed);
      }
    });
  }
  if (pushed->events > limits.events_max || pushed->rows > limits.rows_max) {
    *bad = {"events", "too many rows or events"};
    return false;
  }
  batch.job_id = pushed->job_id;
  pushed->batches.push_back(std::move(batch));
  return true;
}

bool ReadFlag(Tape::Node node, std::string_view key, bool* out, BadField* bad) {
  if (node.is_null()) return true;
  if (node.kind() == Tape::Kind::kBool) {
    *out = *out || node.Bool();
    return true;
  }
  *bad = {std::string(key), "must be true or false"};
  return false;
}

bool ReadText(Tape::Node node, std::string_view key, std::string* out, BadField* bad) {
  if (node.is_null()) return true;
  if (node.is_string() && node.String().size() <= batch::kIdBytesMax) {
    *out = node.String();
    return true;
  }
  *bad = {std::string(key),
          "must be a string of at most " + std::to_string(batch::kIdBytesMax) + " bytes"};
  return false;
}

struct Body {
  std::optional<Tape::Node> events;
  std::optional<Tape::Node> batch;
  bool is_end = false;
};

bool ReadBodyMember(std::string_view key, Tape::Node value, Body* body, PushedEvents* pushed,
                    BadField* bad) {
  if (key == "events") {
    if (!value.is_array()) {
      *bad = {"events", "must be a list"};
      return false;
    }
    body->events = value;
  } else if (key == "batch" && !value.is_null()) {
    body->batch = value;
  } else if (key == "is_end" || key == "is_snapshot_end") {
    return ReadFlag(value, key, &body->is_end, bad);
  } else if (key == "source_type") {
    return ReadText(value, key, &pushed->source_type, bad);
  } else if (key == "session_id") {
    return ReadText(value, key, &pushed->session_id, bad);
  } else if (key == "metadata" && value.is_object()) {
    bool valid = true;
    value.ForEachMember([&](std::string_view name, Tape::Node member) {
      if (name == "job_id") valid = valid && ReadText(member, name, &pushed->job_id, bad);
    });
    return valid;
  }
  return true;
}

}  // namespace

std::string BadFieldJson(const BadField& bad) {
  std::string out;
  JsonWriter json(&out);
  json.BeginObject().Key("detail").BeginArray().BeginObject().Key("loc").BeginArray();
  json.String("body");
  if (!bad.field.empty()) json.String(bad.field);
  json.EndArray().Key("msg").String(bad.text).Key("type").String("value_error");
  json.EndObject().EndArray().EndObject();
  return out;
}

bool DecodePushedEvents(const Tape& tape, const PushLimits& limits, PushedEvents* pushed,
                        BadField* bad) {
  if (tape.empty() || !tape.root().is_object()) {
    *bad = {"", "must be a JSON object"};
    return false;
  }
  Body body;
  bool valid = true;
  tape.root().ForEachMember([&](std::string_view key, Tape::Node value) {
    valid = valid && ReadBodyMember(key, value, &body, pushed, bad);
  });
  if (!valid) return false;
  if (body.batch) return DecodeNumbered(*body.batch, body.events, limits, pushed, bad);
  const std::optional<Source> usual = SourceOf(pushed->source_type);
  EventReader reader(limits, usual, pushed);
  if (body.events) {
    body.events->ForEachItem([&](Tape::Node event) { valid = valid && reader.Read(event, bad); });
  }
  if (!valid) return false;
  reader.Finish();
  const bool job_done = pushed->source_type == "job_complete" ||
                        pushed->source_type == "scan_complete" ||
                        pushed->source_type == "find_complete";
  if (job_done) pushed->ends = Source::kJob;
  if (body.is_end) pushed->ends = usual ? usual : reader.last();
  if (pushed->ends == Source::kRealtime) pushed->ends.reset();
  for (batch::Batch& batch : pushed->batches) {
    if (batch.source == Source::kJob) batch.job_id = pushed->job_id;
  }
  return true;
}

}  // namespace fustor::fusion
