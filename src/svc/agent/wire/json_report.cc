#include "svc/agent/wire/json_report.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/json_writer.h"
#include "base/path.h"

namespace fustor::agent {
namespace {

using batch::Batch;
using batch::Change;
using batch::DirBlock;
using batch::ScanMark;
using batch::Source;

constexpr std::size_t kRowBytes = 256;      // Numbers, quotes and commas of a row at most.
constexpr std::size_t kEscapedBytes = 6;    // Of one byte of a name, at most.
constexpr std::size_t kPlainRows = 10'000;  // Of one body; of an event a hundredth.
constexpr std::size_t kPlainEventRows = 100;

constexpr std::string_view kAttributes[] = {"kind",
                                            "mode",
                                            "uid",
                                            "gid",
                                            "nlink",
                                            "inode",
                                            "device",
                                            "size",
                                            "allocated_size",
                                            "modified_time_ns",
                                            "changed_time_ns",
                                            "accessed_time_ns",
                                            "symlink_target"};

std::string_view SourceName(Source source) {
  switch (source) {
    case Source::kRealtime:
      return "realtime";
    case Source::kSnapshot:
      return "snapshot";
    case Source::kAudit:
      return "audit";
    case Source::kJob:
      return "on_demand_job";
  }
  return "";
}

// What source_type says of realtime.
std::string_view SourceType(Source source) {
  return source == Source::kRealtime ? "message" : SourceName(source);
}

std::size_t BytesOf(std::string_view name, std::string_view target) {
  return kRowBytes + kEscapedBytes * (name.size() + target.size());
}

std::size_t BytesOf(const Change& change) {
  return BytesOf(change.path, change.target) + kEscapedBytes * change.old_path.size();
}

void WriteFields(std::initializer_list<std::string_view> own, bool attributes, JsonWriter* json) {
  json->Key("fields").BeginArray();
  for (const std::string_view field : own) json->String(field);
  if (attributes) {
    for (const std::string_view field : kAttributes) json->String(field);
  }
  json->EndArray();
}

void WriteAttributes(const EntryAttrs& a, std::string_view target, JsonWriter* json) {
  json->Uint(static_cast<std::uint64_t>(a.kind)).Uint(a.mode).Uint(a.uid).Uint(a.gid);
  json->Uint(a.nlink).Uint(a.inode).Uint(a.device).Int(a.size_bytes).Int(a.allocated_bytes);
  json->Int(a.mtime_ns).Int(a.ctime_ns).Int(a.atime_ns);
  if (target.empty()) {
    json->Null();
  } else {
    json->String(target);
  }
}

std::string_view EventType(Change::Kind kind) {
  switch (kind) {
    case Change::Kind::kUpsert:
      return "update";
    case Change::Kind::kDelete:
      return "delete";
    case Change::Kind::kMove:
      return "move";
  }
  return "";
}

void WriteChange(const Change& change, JsonWriter* json) {
  json->BeginArray().String(change.path);
  if (change.kind == Change::Kind::kMove) {
    json->String(change.old_path).Int(static_cast<int>(change.moved)).Uint(change.moved_inode);
  }
  if (change.kind == Change::Kind::kUpsert) {
    json->Bool(change.atomic);
    WriteAttributes(change.attrs, change.target, json);
  }
  json->EndArray();
}

// Changes [begin, end), those of one kind that follow each other in one event.
void WriteChanges(const std::vector<Change>& changes, std::size_t begin, std::size_t end,
                  JsonWriter* json) {
  for (std::size_t at = begin; at < end;) {
    const Change::Kind kind = changes[at].kind;
    json->BeginObject().Key("event_type").String(EventType(kind));
    switch (kind) {
      case Change::Kind::kUpsert:
        WriteFields({"path", "is_atomic_write"}, true, json);
        break;
      case Change::Kind::kDelete:
        WriteFields({"path"}, false, json);
        break;
      case Change::Kind::kMove:
        WriteFields({"path", "old_path", "moved", "inode"}, false, json);
        break;
    }
    json->Key("rows").BeginArray();
    for (; at < end && changes[at].kind == kind; ++at) WriteChange(changes[at], json);
    json->EndArray().EndObject();
  }
}

void WriteListing(const DirBlock& block, std::size_t begin, std::size_t end, JsonWriter* json) {
  json->BeginObject().Key("event_type").String("listing").Key("path").String(block.path);
  json->Key("complete").Bool(block.complete).Key("failed").Bool(block.failed);
  json->Key("silent").Bool(block.silent);
  if (block.unwatched) json->Key("unwatched").Bool(true);
  WriteFields({"name"}, true, json);
  if (begin == 0) {
    json->Key("exempt").BeginArray();
    for (const std::string& name : block.exempt) json->String(name);
    json->EndArray();
    if (block.self.is_directory()) {
      json->Key("self").BeginArray().String("");
      WriteAttributes(block.self, "", json);
      json->EndArray();
    }
  }
  json->Key("rows").BeginArray();
  for (std::size_t i = begin; i < end; ++i) {
    json->BeginArray().String(block.rows.name(i));
    WriteAttributes(block.rows.attrs(i), block.rows.target(i), json);
    json->EndArray();
  }
  json->EndArray().EndObject();
}

}  // namespace

NumberedReport::NumberedReport(const Batch& batch, std::size_t bytes_max) : batch_(batch) {
  parts_.emplace_back();
  CutChanges(bytes_max);
  CutBlocks(bytes_max);
}

void NumberedReport::CutChanges(std::size_t bytes_max) {
  for (std::size_t i = 0; i < batch_.changes.size(); ++i) {
    const std::size_t more = BytesOf(batch_.changes[i]);
    if (bytes_ != 0 && bytes_ + more > bytes_max) {
      parts_.emplace_back().changes_begin = i;
      bytes_ = 0;
    }
    parts_.back().changes_end = i + 1;
    bytes_ += more;
  }
}

void NumberedReport::CutBlocks(std::size_t bytes_max) {
  for (std::size_t b = 0; b < batch_.blocks.size(); ++b) {
    const DirBlock& block = batch_.blocks[b];
    std::size_t head = BytesOf(block.path, "") + 2 * kRowBytes;
    for (const std::string& name : block.exempt) head += BytesOf(name, "");
    if (bytes_ != 0 && bytes_ + head > bytes_max) {
      parts_.emplace_back();
      bytes_ = 0;
    }
    bytes_ += head;
    parts_.back().slices.push_back({b, 0, 0});
    for (std::size_t i = 0; i < block.rows.size(); ++i) {
      const std::size_t more = BytesOf(block.rows.name(i), block.rows.target(i));
      if (bytes_ + more > bytes_max && parts_.back().slices.back().end > 0) {
        parts_.emplace_back().slices.push_back({b, i, i});
        bytes_ = BytesOf(block.path, "") + kRowBytes;
      }
      parts_.back().slices.back().end = i + 1;
      bytes_ += more;
    }
  }
}

std::string NumberedReport::Part(std::size_t part) const {
  const Cut& cut = parts_[part];
  std::string body;
  JsonWriter json(&body);
  json.BeginObject().Key("batch").BeginObject().Key("sequence").Uint(batch_.sequence);
  json.Key("source").String(SourceName(batch_.source)).Key("index").Int(batch_.index_ms);
  json.Key("scan_id").Uint(batch_.scan_id);
  json.Key("mark").Uint(static_cast<std::uint64_t>(batch_.mark)).Key("scan_path");
  if (batch_.scan_path.empty()) {
    json.Null();
  } else {
    json.String(batch_.scan_path);
  }
  if (batch_.full_every > 1) json.Key("full_every").Uint(batch_.full_every);
  if (batch_.begun_ago_ms > 0) json.Key("begun_ago_ms").Int(batch_.begun_ago_ms);
  json.Key("lost_events").Bool(batch_.lost_events);
  if (batch_.shallow) json.Key("shallow").Bool(true);
  json.Key("part").Uint(part).Key("parts").Uint(parts_.size());
  json.Key("continues").Bool(!cut.slices.empty() && cut.slices.front().begin > 0).EndObject();
  json.Key("source_type").String(SourceType(batch_.source));
  if (!batch_.job_id.empty()) {
    json.Key("metadata").BeginObject().Key("job_id").String(batch_.job_id);
    if (!batch_.job_error.empty()) json.Key("error").String(batch_.job_error);
    json.EndObject();
  }
  json.Key("events").BeginArray();
  WriteChanges(batch_.changes, cut.changes_begin, cut.changes_end, &json);
  for (const Slice& slice : cut.slices) {
    WriteListing(batch_.blocks[slice.block], slice.begin, slice.end, &json);
  }
  json.EndArray().EndObject();
  return body;
}

// --- For a Fusion that knows rows only ---

double PlainSeconds(std::int64_t ns) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  std::int64_t seconds = ns / kSecond;
  std::int64_t nanos = ns % kSecond;
  if (nanos < 0) {
    nanos += kSecond;
    --seconds;
  }
  return static_cast<double>(seconds) + 1e-9 * static_cast<double>(nanos);
}

namespace {

// Opens the object of a row.
JsonWriter& WritePlainRow(std::string_view path, const EntryAttrs& a, JsonWriter* json) {
  json->BeginObject().Key("path").String(path).Key("file_name").String(SplitPath(path).second);
  json->Key("size").Int(a.size_bytes).Key("modified_time").Double(PlainSeconds(a.mtime_ns));
  json->Key("created_time").Double(PlainSeconds(a.ctime_ns));
  return json->Key("is_directory").Bool(a.is_directory());
}

// Collects rows into events and bodies.
class PlainWriter {
 public:
  PlainWriter(const Batch& batch, std::string_view session_id)
      : batch_(batch), session_id_(session_id) {}

  // The writer for one more row of an event of this type.
  JsonWriter* Row(std::string_view type) {
    if (body_rows_ == kPlainRows) CloseBody(false);
    if (in_event_ && (type != type_ || event_rows_ == kPlainEventRows)) CloseEvent();
    if (json_ == nullptr) OpenBody();
    if (!in_event_) OpenEvent(type);
    ++event_rows_;
    ++body_rows_;
    return json_.get();
  }
  std::vector<std::string> Take(bool is_end) {
    if (is_end && json_ == nullptr) OpenBody();
    if (json_ != nullptr) CloseBody(is_end);
    return std::move(bodies_);
  }

 private:
  void OpenBody() {
    body_.clear();
    json_ = std::make_unique<JsonWriter>(&body_);
    json_->BeginObject().Key("session_id").String(session_id_);
    json_->Key("source_type").String(SourceType(batch_.source)).Key("events").BeginArray();
  }
  void OpenEvent(std::string_view type) {
    type_ = type;
    in_event_ = true;
    json_->BeginObject().Key("event_id").Null();
    json_->Key("timestamp")
        .Double(static_cast<double>(std::max<std::int64_t>(0, batch_.index_ms)) / 1e3);
    json_->Key("event_type").String(type).Key("event_schema").String("fs");
    json_->Key("table").String("files").Key("index").Int(batch_.index_ms);
    json_->Key("message_source").String(SourceName(batch_.source));
    json_->Key("metadata").BeginObject().EndObject().Key("fields").BeginArray();
    for (const char* field :
         {"path", "file_name", "size", "modified_time", "created_time", "is_directory"}) {
      json_->String(field);
    }
    json_->EndArray().Key("rows").BeginArray();
  }
  void CloseEvent() {
    json_->EndArray().EndObject();
    in_event_ = false;
    event_rows_ = 0;
  }
  void CloseBody(bool is_end) {
    if (in_event_) CloseEvent();
    json_->EndArray().Key("is_end").Bool(is_end).EndObject();
    json_.reset();
    bodies_.push_back(std::move(body_));
    body_rows_ = 0;
  }

  const Batch& batch_;
  const std::string_view session_id_;
  std::vector<std::string> bodies_;
  std::string body_;
  std::unique_ptr<JsonWriter> json_;
  std::string type_;
  bool in_event_ = false;
  std::size_t event_rows_ = 0;
  std::size_t body_rows_ = 0;
};

}  // namespace

PlainReport::PlainReport(const Batch& batch, std::string session_id)
    : batch_(batch), session_id_(std::move(session_id)) {
  lost_moves_ = std::ranges::any_of(
      batch.changes, [](const Change& change) { return change.kind == Change::Kind::kMove; });
}

std::vector<std::string> PlainReport::Bodies() const {
  PlainWriter writer(batch_, session_id_);
  for (const Change& change : batch_.changes) {
    if (change.kind == Change::Kind::kUpsert) {
      WritePlainRow(change.path, change.attrs, writer.Row("update"))
          .Key("is_atomic_write")
          .Bool(change.atomic)
          .EndObject();
      continue;
    }
    const bool moved = change.kind == Change::Kind::kMove;
    JsonWriter* const json = writer.Row("delete");
    json->BeginObject().Key("path").String(moved ? change.old_path : change.path).EndObject();
  }
  const bool audit = batch_.source == Source::kAudit;
  for (const DirBlock& block : batch_.blocks) {
    const bool known = block.self.is_directory();
    if (known) {
      JsonWriter& json = WritePlainRow(block.path, block.self, writer.Row("insert"));
      // Of one that could not be read nothing is to be concluded, either.
      if (audit) json.Key("audit_skipped").Bool(block.silent || block.failed);
      json.EndObject();
    }
    for (std::size_t i = 0; i < block.rows.size(); ++i) {
      const EntryAttrs& attrs = block.rows.attrs(i);
      JsonWriter& json =
          WritePlainRow(JoinPath(block.path, block.rows.name(i)), attrs, writer.Row("insert"));
      if (audit && known && !attrs.is_directory()) {
        json.Key("parent_path").String(block.path);
        json.Key("parent_mtime").Double(PlainSeconds(block.self.mtime_ns));
      }
      json.EndObject();
    }
  }
  const bool ends = batch_.mark == ScanMark::kEnd;
  if (batch_.source != Source::kJob) return writer.Take(ends);
  std::vector<std::string> bodies = writer.Take(false);
  if (ends) bodies.push_back(JobEnd());
  return bodies;
}

std::string PlainReport::JobEnd() const {
  std::string body;
  JsonWriter json(&body);
  json.BeginObject().Key("session_id").String(session_id_).Key("events").BeginArray().EndArray();
  json.Key("source_type").String("job_complete").Key("is_end").Bool(false);
  json.Key("metadata").BeginObject().Key("scan_path").String(batch_.scan_path);
  json.Key("job_id").String(batch_.job_id);
  if (!batch_.job_error.empty()) json.Key("error").String(batch_.job_error);
  json.EndObject().EndObject();
  return body;
}

}  // namespace fustor::agent
