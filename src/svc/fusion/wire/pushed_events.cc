#include "svc/fusion/wire/pushed_events.h"

#include <algorithm>
#include <deque>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/json_writer.h"
#include "base/path.h"
#include "lib/batch/session.h"
#include "svc/fusion/wire/event_parts.h"
#include "svc/fusion/wire/pushed_rows.h"

namespace fustor::fusion {
namespace {

using batch::Change;
using batch::DirBlock;
using batch::Source;
using json::Tape;

constexpr std::size_t kErrorBytesMax = 4096;

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
      if (name == "filename")
        valid = valid && ReadText(member, name, &pushed->config.filename, bad);
      if (name == "config_yaml" && member.is_string() &&
          member.String().size() <= batch::kConfigBytesMax) {
        pushed->config.config_yaml = member.String();
      }
      // For people: of a long one the beginning will do.
      if (name == "error" && member.is_string()) {
        pushed->job_error = member.String().substr(0, kErrorBytesMax);
      }
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
  if (body.is_end) pushed->ends = usual ? usual : reader.last();
  if (job_done) pushed->ends = Source::kJob;
  if (pushed->ends == Source::kRealtime) pushed->ends.reset();
  for (batch::Batch& batch : pushed->batches) {
    if (batch.source == Source::kJob) batch.job_id = pushed->job_id;
  }
  return true;
}

}  // namespace fustor::fusion
