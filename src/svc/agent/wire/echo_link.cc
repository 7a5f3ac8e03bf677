#include "svc/agent/wire/echo_link.h"

#include <optional>
#include <utility>

#include "base/json_writer.h"
#include "base/path.h"
#include "svc/agent/wire/unary_stream.h"

namespace fustor::agent {
namespace {

using batch::Change;

constexpr std::uint64_t kCreditBytes = 4 << 20;
constexpr double kNanosecond = 1e-9;

std::string_view SourceName(batch::Source source) {
  switch (source) {
    case batch::Source::kRealtime:
      return "realtime";
    case batch::Source::kSnapshot:
      return "snapshot";
    case batch::Source::kAudit:
      return "audit";
    case batch::Source::kJob:
      return "on_demand_job";
  }
  return "";
}

class LineMaker {
 public:
  LineMaker(const std::string& task_id, const batch::Batch& batch, std::string* out)
      : task_id_(task_id), batch_(batch), out_(*out) {}

  // The line is open until Close.
  JsonWriter& Open() {
    json_.emplace(&out_);
    json_->BeginObject().Key("task").String(task_id_).Key("sequence").Uint(batch_.sequence);
    return json_->Key("message_source").String(SourceName(batch_.source));
  }
  void Close() {
    json_->EndObject();
    out_ += '\n';
  }
  // The line is open until Close.
  JsonWriter& Row(std::string_view event, std::string_view path, const EntryAttrs& a,
                  std::string_view target) {
    JsonWriter& json = Open();
    json.Key("event_type").String(event).Key("path").String(path);
    json.Key("is_directory").Bool(a.is_directory()).Key("size").Int(a.size_bytes);
    const auto time = [&](const char* key, std::int64_t ns) {
      if (ns != 0) json.Key(key).Double(static_cast<double>(ns) * kNanosecond);
    };
    const auto number = [&](const char* key, std::uint64_t value) {
      if (value != 0) json.Key(key).Uint(value);
    };
    time("modified_time", a.mtime_ns);
    time("changed_time", a.ctime_ns);
    time("accessed_time", a.atime_ns);
    number("mode", a.mode);
    number("uid", a.uid);
    number("gid", a.gid);
    number("nlink", a.nlink);
    number("inode", a.inode);
    if (a.allocated_bytes != 0) json.Key("allocated_size").Int(a.allocated_bytes);
    if (!target.empty()) json.Key("symlink_target").String(target);
    return json;
  }

 private:
  const std::string& task_id_;
  const batch::Batch& batch_;
  std::string& out_;
  std::optional<JsonWriter> json_;
};

void WriteMark(const batch::Batch& batch, LineMaker* lines) {
  const bool begins = batch.mark == batch::ScanMark::kBegin;
  JsonWriter& json = lines->Open();
  json.Key("mark").String(begins ? "begin" : "end");
  if (!batch.scan_path.empty()) json.Key("scan_path").String(batch.scan_path);
  if (!batch.job_id.empty()) json.Key("job_id").String(batch.job_id);
  if (!batch.job_error.empty()) json.Key("error").String(batch.job_error);
  lines->Close();
}

void WriteChange(const Change& change, LineMaker* lines) {
  if (change.kind == Change::Kind::kUpsert) {
    lines->Row("update", change.path, change.attrs, change.target)
        .Key("is_atomic_write")
        .Bool(change.atomic);
  } else {
    const bool moved = change.kind == Change::Kind::kMove;
    JsonWriter& json = lines->Open().Key("event_type").String(moved ? "move" : "delete");
    json.Key("path").String(change.path);
    if (moved) json.Key("old_path").String(change.old_path);
  }
  lines->Close();
}

// The directory itself, with what is said about its listing, and then its entries.
void WriteBlock(const batch::DirBlock& block, LineMaker* lines) {
  JsonWriter& json = lines->Row("insert", block.path, block.self, "");
  if (block.silent) json.Key("audit_skipped").Bool(true);
  if (block.failed) json.Key("failed").Bool(true);
  if (block.unwatched) json.Key("unwatched").Bool(true);
  json.Key("entries").Uint(block.rows.size());
  lines->Close();
  for (std::size_t i = 0; i < block.rows.size(); ++i) {
    lines->Row("insert", JoinPath(block.path, block.rows.name(i)), block.rows.attrs(i),
               block.rows.target(i));
    lines->Close();
  }
}

class EchoStream final : public UnaryStream {
 public:
  EchoStream(EchoSink& sink, std::string task_id) : sink_(sink), task_id_(std::move(task_id)) {}

  env::Task<Result<std::uint64_t>> Send(const batch::Batch& batch) override {
    std::string lines = EchoLines(task_id_, batch);
    const std::uint64_t bytes = lines.size();
    if (stop().stop_requested()) co_return Status(Code::kCancelled, "the stream was ended");
    const Status written = co_await sink_.Write(std::move(lines));
    if (!written.ok()) co_return written;
    Acknowledge(batch.sequence);
    co_return bytes;
  }
  void Cancel() override {
    UnaryStream::Cancel();
    sink_.Cancel();
  }

 private:
  EchoSink& sink_;
  const std::string task_id_;
};

}  // namespace

std::string EchoLines(const std::string& task_id, const batch::Batch& batch) {
  std::string out;
  LineMaker lines(task_id, batch, &out);
  if (batch.lost_events) {
    lines.Open().Key("lost_events").Bool(true);
    lines.Close();
  }
  if (batch.mark == batch::ScanMark::kBegin) WriteMark(batch, &lines);
  for (const Change& change : batch.changes) WriteChange(change, &lines);
  for (const batch::DirBlock& block : batch.blocks) WriteBlock(block, &lines);
  if (batch.mark == batch::ScanMark::kEnd) WriteMark(batch, &lines);
  return out;
}

EchoLink::EchoLink(std::unique_ptr<EchoSink> sink) : sink_(std::move(sink)) {}

EchoLink::~EchoLink() = default;

env::Task<Result<batch::SessionGrant>> EchoLink::Open(batch::SessionRequest request) {
  batch::SessionGrant grant;
  grant.session_id = "echo-" + std::to_string(++last_session_) + "/" + request.task_id;
  grant.role = batch::Role::kLeader;
  grant.timeout = request.timeout > Nanos(0) ? request.timeout : Seconds(30);
  grant.credit_bytes = kCreditBytes;
  grant.capabilities = {"move", "columns"};
  co_return grant;
}

env::Task<Result<batch::HeartbeatAnswer>> EchoLink::Beat(batch::Heartbeat) {
  batch::HeartbeatAnswer answer;
  answer.role = batch::Role::kLeader;
  co_return answer;
}

env::Task<Status> EchoLink::Close(std::string) { co_return Status(); }

env::Task<Result<std::unique_ptr<ReportStream>>> EchoLink::Report(std::string session_id) {
  std::string task_id = session_id.substr(session_id.find('/') + 1);
  co_return std::unique_ptr<ReportStream>(std::make_unique<EchoStream>(*sink_, std::move(task_id)));
}

}  // namespace fustor::agent
