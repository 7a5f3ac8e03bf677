#include "svc/agent/wire/report.h"

#include <google/protobuf/arena.h>
#include <google/protobuf/stubs/logging.h>

#include <algorithm>

#include "base/check.h"
#include "base/path.h"
#include "fustor/v1/agents.pb.h"

namespace fustor::agent {
namespace {

namespace pb = ::fustor::v1;
using google::protobuf::RepeatedField;

// Below this a zstd frame saves nothing worth its time.
constexpr std::size_t kCompressAboveBytes = 512;
constexpr std::uint64_t kBlockBytes = 4096;

// Fills one column; when all values turn out to be the same it keeps one, or none when that is 0.
template <class T>
class Column {
 public:
  Column(RepeatedField<T>* field, int rows) : field_(*field) { field_.Reserve(rows); }
  void Add(T value) {
    if (field_.empty()) first_ = value;
    differs_ = differs_ || value != first_;
    field_.AddAlreadyReserved(value);
  }
  ~Column() {
    if (!differs_ && !field_.empty()) field_.Truncate(first_ == 0 ? 0 : 1);
  }

 private:
  RepeatedField<T>& field_;
  T first_ = 0;
  bool differs_ = false;
};

std::int64_t Minus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}

// What a file of this size usually takes on disk.
std::int64_t UsualAllocation(std::int64_t size) {
  const std::uint64_t blocks = (static_cast<std::uint64_t>(size) + kBlockBytes - 1) / kBlockBytes;
  return static_cast<std::int64_t>(blocks * kBlockBytes);
}

class RowsWriter {
 public:
  RowsWriter(pb::Rows* rows, int count)
      : rows_(*rows),
        name_bytes_(rows->mutable_name_bytes(), count),
        kind_(rows->mutable_kind(), count),
        mode_(rows->mutable_mode(), count),
        uid_(rows->mutable_uid(), count),
        gid_(rows->mutable_gid(), count),
        nlink_(rows->mutable_nlink(), count),
        inode_(rows->mutable_inode(), count),
        device_(rows->mutable_device(), count),
        size_(rows->mutable_size(), count),
        allocated_(rows->mutable_allocated(), count),
        mtime_(rows->mutable_mtime_ns(), count),
        ctime_(rows->mutable_ctime_ns(), count),
        atime_(rows->mutable_atime_ns(), count),
        target_bytes_(rows->mutable_target_bytes(), count) {
    rows->set_count(static_cast<std::uint32_t>(count));
  }

  void Add(std::string_view name, const EntryAttrs& attrs, std::string_view target) {
    rows_.mutable_names()->append(name);
    name_bytes_.Add(static_cast<std::uint32_t>(name.size()));
    kind_.Add(static_cast<std::uint32_t>(attrs.kind));
    mode_.Add(attrs.mode);
    uid_.Add(attrs.uid);
    gid_.Add(attrs.gid);
    nlink_.Add(attrs.nlink);
    const std::int64_t inode = static_cast<std::int64_t>(attrs.inode);
    inode_.Add(Minus(inode, last_inode_));
    last_inode_ = inode;
    device_.Add(attrs.device);
    size_.Add(static_cast<std::uint64_t>(attrs.size_bytes));
    allocated_.Add(Minus(attrs.allocated_bytes, UsualAllocation(attrs.size_bytes)));
    mtime_.Add(Minus(attrs.mtime_ns, last_mtime_ns_));
    last_mtime_ns_ = attrs.mtime_ns;
    ctime_.Add(Minus(attrs.ctime_ns, attrs.mtime_ns));
    atime_.Add(Minus(attrs.atime_ns, attrs.mtime_ns));
    if (!target.empty()) rows_.mutable_targets()->append(target);
    target_bytes_.Add(static_cast<std::uint32_t>(target.size()));
  }

 private:
  pb::Rows& rows_;
  Column<std::uint32_t> name_bytes_, kind_, mode_, uid_, gid_, nlink_;
  Column<std::int64_t> inode_;
  Column<std::uint64_t> device_, size_;
  Column<std::int64_t> allocated_, mtime_, ctime_, atime_;
  Column<std::uint32_t> target_bytes_;
  std::int64_t last_inode_ = 0;
  std::int64_t last_mtime_ns_ = 0;
};

void PutChanges(const std::vector<batch::Change>& changes, pb::Batch* out) {
  int upserts = 0;
  for (const batch::Change& change : changes) {
    pb::Change& to = *out->add_changes();
    to.set_kind(static_cast<std::uint32_t>(change.kind));
    to.set_path(change.path);
    if (change.kind == batch::Change::Kind::kMove) {
      to.set_old_path(change.old_path);
      to.set_moved(static_cast<std::uint32_t>(change.moved));
      to.set_moved_inode(change.moved_inode);
    }
    to.set_partial(!change.atomic);
    if (change.kind == batch::Change::Kind::kUpsert) ++upserts;
  }
  if (upserts == 0) return;
  RowsWriter rows(out->mutable_rows(), upserts);
  for (const batch::Change& change : changes) {
    if (change.kind == batch::Change::Kind::kUpsert) rows.Add({}, change.attrs, change.target);
  }
}

void PutBlocks(const std::vector<batch::DirBlock>& blocks, pb::Batch* out) {
  std::size_t count = 0;
  std::size_t name_bytes = 0;
  for (const batch::DirBlock& block : blocks) {
    count += block.rows.size() + 1;
    for (std::size_t i = 0; i < block.rows.size(); ++i) name_bytes += block.rows.name(i).size();
    pb::Block& to = *out->add_blocks();
    to.set_path(block.path);
    to.set_row_count(static_cast<std::uint32_t>(block.rows.size()));
    to.set_complete(block.complete);
    to.set_failed(block.failed);
    to.set_silent(block.silent);
    to.set_unwatched(block.unwatched);
    for (const std::string& name : block.exempt) to.add_exempt(name);
  }
  if (count == 0) return;
  out->mutable_rows()->mutable_names()->reserve(name_bytes);
  RowsWriter rows(out->mutable_rows(), static_cast<int>(count));
  for (const batch::DirBlock& block : blocks) {
    rows.Add({}, block.self, {});
    for (std::size_t i = 0; i < block.rows.size(); ++i) {
      rows.Add(block.rows.name(i), block.rows.attrs(i), block.rows.target(i));
    }
  }
}

Status Malformed(std::string_view field) {
  return Status(Code::kInvalidArgument, std::string(field) + ": malformed");
}

template <class Message>
Status Parse(std::string_view bytes, Message* message) {
  // A peer must not be able to fill our stderr with texts that are not UTF-8.
  const google::protobuf::LogSilencer quiet;
  if (bytes.size() > INT32_MAX ||
      !message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Malformed(message->GetTypeName());
  }
  return Status();
}

bool IsId(std::string_view id) { return !id.empty() && id.size() <= batch::kIdBytesMax; }

template <class Strings>
Result<std::vector<std::string>> TakeNames(const Strings& strings, std::string_view field) {
  if (static_cast<std::size_t>(strings.size()) > batch::kListLengthMax) return Malformed(field);
  std::vector<std::string> names;
  for (const std::string& name : strings) {
    if (!IsId(name)) return Malformed(field);
    names.push_back(name);
  }
  return names;
}

template <class Commands>
Result<std::vector<batch::Command>> TakeCommands(const Commands& commands) {
  if (static_cast<std::size_t>(commands.size()) > batch::kListLengthMax) {
    return Malformed("commands");
  }
  std::vector<batch::Command> taken;
  for (const pb::Command& command : commands) {
    if (!IsId(command.kind())) return Malformed("commands.kind");
    if (!command.path().empty() && !IsNormalViewPath(command.path())) {
      return Malformed("commands.path");
    }
    if (command.job_id().size() > batch::kIdBytesMax) return Malformed("commands.job_id");
    if (command.name().size() > batch::kIdBytesMax) return Malformed("commands.name");
    if (command.command_id().size() > batch::kIdBytesMax) return Malformed("commands.command_id");
    taken.push_back({command.kind(), command.path(), command.recursive(), command.job_id(),
                     command.name(), command.text(), command.command_id()});
  }
  return taken;
}

template <class Strings>
Result<std::vector<std::string>> TakePaths(const Strings& strings, std::string_view field) {
  if (static_cast<std::size_t>(strings.size()) > batch::kSweepPathsMax) return Malformed(field);
  std::vector<std::string> paths;
  for (const std::string& path : strings) {
    if (!IsNormalViewPath(path)) return Malformed(field);
    paths.push_back(path);
  }
  return paths;
}

Result<Nanos> TakeDuration(double seconds, std::string_view field) {
  Result<Nanos> duration = batch::FromSeconds(seconds);
  if (!duration.ok()) return duration.status().Within(field);
  return duration;
}

}  // namespace

std::string EncodeSessionRequest(const batch::SessionRequest& request) {
  pb::OpenSessionRequest message;
  message.set_task_id(request.task_id);
  message.set_agent_id(request.agent_id);
  message.set_source_uri(request.source_uri);
  message.set_session_timeout_seconds(batch::ToSeconds(request.timeout));
  for (const std::string& name : request.capabilities) message.add_capabilities(name);
  message.set_max_delete_fraction(request.delete_fraction_max);
  return message.SerializeAsString();
}

std::string EncodeHeartbeat(const batch::Heartbeat& heartbeat) {
  pb::HeartbeatRequest message;
  message.set_session_id(heartbeat.session_id);
  message.set_can_realtime(heartbeat.can_realtime);
  message.set_state(heartbeat.state);
  message.set_rows_sent(heartbeat.rows_sent);
  for (const std::string& id : heartbeat.acknowledged_commands) {
    message.add_acknowledged_commands(id);
  }
  return message.SerializeAsString();
}

std::string EncodeCloseSession(std::string_view session_id) {
  pb::CloseSessionRequest message;
  message.set_session_id(std::string(session_id));
  return message.SerializeAsString();
}

std::string EncodeConfigReport(std::string_view session_id, const batch::ConfigReport& report) {
  pb::ConfigReport message;
  message.set_session_id(std::string(session_id));
  message.set_filename(batch::Utf8Text(report.filename));
  message.set_config_yaml(report.config_yaml);
  message.set_error(batch::Utf8Text(report.error));
  return message.SerializeAsString();
}

std::string EncodeReportStart(std::string_view session_id) {
  pb::ReportRequest message;
  message.set_session_id(std::string(session_id));
  return message.SerializeAsString();
}

std::string EncodeReport(const batch::Batch& batch, batch::Compressor& compressor) {
  FUSTOR_CHECK(batch.changes.empty() ||
               (batch.source == batch::Source::kRealtime && batch.blocks.empty()));
  google::protobuf::Arena arena;
  auto* out = google::protobuf::Arena::CreateMessage<pb::Batch>(&arena);
  out->set_sequence(batch.sequence);
  out->set_source(static_cast<std::uint32_t>(batch.source));
  out->set_index_ms(batch.index_ms);
  out->set_scan_id(batch.scan_id);
  out->set_scan_mark(static_cast<std::uint32_t>(batch.mark));
  out->set_scan_path(batch.scan_path);
  out->set_job_id(batch.job_id);
  out->set_lost_events(batch.lost_events);
  out->set_full_every(batch.full_every);
  out->set_begun_ago_ms(static_cast<std::uint64_t>(std::max<std::int64_t>(batch.begun_ago_ms, 0)));
  out->set_scan_shallow(batch.shallow);
  out->set_job_error(batch::Utf8Text(batch.job_error));
  PutChanges(batch.changes, out);
  PutBlocks(batch.blocks, out);

  FUSTOR_CHECK(out->ByteSizeLong() <= INT32_MAX, "a batch of 2 GiB");
  std::string plain = out->SerializeAsString();
  std::string frame;
  if (plain.size() > kCompressAboveBytes) frame = compressor.Compress(plain);
  pb::ReportRequest request;
  if (!frame.empty() && frame.size() < plain.size()) {
    request.mutable_batch()->set_zstd(std::move(frame));
  } else {
    request.mutable_batch()->set_plain(std::move(plain));
  }
  return request.SerializeAsString();
}

std::string EncodeListSuspects(std::string_view session_id) {
  pb::ListSuspectsRequest message;
  message.set_session_id(std::string(session_id));
  return message.SerializeAsString();
}

std::string EncodeSweep(std::string_view session_id, const std::vector<batch::Sighting>& sightings,
                        bool again) {
  pb::SweepRequest message;
  message.set_again(again);
  message.set_session_id(std::string(session_id));
  for (const batch::Sighting& sighting : sightings) {
    pb::Sighting& to = *message.add_sightings();
    to.set_path(sighting.path);
    to.set_mtime_ns(sighting.mtime_ns);
    to.set_ctime_ns(sighting.ctime_ns);
    to.set_size(static_cast<std::uint64_t>(sighting.size_bytes));
  }
  return message.SerializeAsString();
}

Result<std::vector<std::string>> DecodeSuspects(std::string_view bytes) {
  pb::ListSuspectsResponse message;
  FUSTOR_TRY(Parse(bytes, &message));
  return TakePaths(message.paths(), "paths");
}

Result<std::vector<std::string>> DecodeSweepAnswer(std::string_view bytes) {
  pb::SweepResponse message;
  FUSTOR_TRY(Parse(bytes, &message));
  return TakePaths(message.differing(), "differing");
}

Result<batch::SessionGrant> DecodeSessionGrant(std::string_view bytes) {
  pb::OpenSessionResponse message;
  FUSTOR_TRY(Parse(bytes, &message));
  batch::SessionGrant grant;
  if (!IsId(message.session_id())) return Malformed("session_id");
  grant.session_id = message.session_id();
  FUSTOR_TRY_ASSIGN(grant.role, batch::ParseRole(message.role()));
  FUSTOR_TRY_ASSIGN(grant.timeout,
                    TakeDuration(message.session_timeout_seconds(), "session_timeout_seconds"));
  FUSTOR_TRY_ASSIGN(grant.audit_interval,
                    TakeDuration(message.audit_interval_seconds(), "audit_interval_seconds"));
  FUSTOR_TRY_ASSIGN(grant.sentinel_interval,
                    TakeDuration(message.sentinel_interval_seconds(), "sentinel_interval_seconds"));
  FUSTOR_TRY_ASSIGN(grant.view_ids, TakeNames(message.view_ids(), "view_ids"));
  grant.credit_bytes = message.credit_bytes();
  FUSTOR_TRY_ASSIGN(grant.capabilities, TakeNames(message.capabilities(), "capabilities"));
  return grant;
}

Result<batch::HeartbeatAnswer> DecodeHeartbeatAnswer(std::string_view bytes) {
  pb::HeartbeatResponse message;
  FUSTOR_TRY(Parse(bytes, &message));
  batch::HeartbeatAnswer answer;
  FUSTOR_TRY_ASSIGN(answer.role, batch::ParseRole(message.role()));
  FUSTOR_TRY_ASSIGN(answer.commands, TakeCommands(message.commands()));
  return answer;
}

Result<batch::ReportAnswer> DecodeReportAnswer(std::string_view bytes) {
  pb::ReportResponse message;
  FUSTOR_TRY(Parse(bytes, &message));
  batch::ReportAnswer answer;
  answer.acknowledged_sequence = message.acknowledged_sequence();
  FUSTOR_TRY_ASSIGN(answer.commands, TakeCommands(message.commands()));
  return answer;
}

}  // namespace fustor::agent
