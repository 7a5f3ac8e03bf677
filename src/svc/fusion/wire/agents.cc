#include "svc/fusion/wire/agents.h"

#include <google/protobuf/arena.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>

#include "base/path.h"
#include "fustor/v1/agents.pb.h"
#include "svc/fusion/wire/rows.h"

namespace fustor::fusion {
namespace {

namespace pb = ::fustor::v1;
using google::protobuf::Arena;

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

Status CheckId(std::string_view id, std::string_view field) {
  if (id.empty() || id.size() > batch::kIdBytesMax) return Malformed(field);
  return Status();
}

void PutCommands(const std::vector<batch::Command>& commands,
                 google::protobuf::RepeatedPtrField<pb::Command>* out) {
  for (const batch::Command& command : commands) {
    pb::Command& to = *out->Add();
    to.set_kind(batch::Utf8Text(command.kind));
    to.set_path(command.path);
    to.set_recursive(command.recursive);
    to.set_job_id(batch::Utf8Text(command.job_id));
    to.set_name(batch::Utf8Text(command.name));
    to.set_text(command.text);
    to.set_command_id(command.command_id);
  }
}

// Adds up the changes, blocks and exempt names of an encoded batch: each costs much more memory
// once it is parsed. False when the bytes are malformed, as far as this looks.
bool CountItems(std::string_view bytes, bool in_block, std::size_t* count) {
  using google::protobuf::internal::WireFormatLite;
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                            static_cast<int>(bytes.size()));
  while (const std::uint32_t tag = in.ReadTag()) {
    const int field = WireFormatLite::GetTagFieldNumber(tag);
    const bool item = in_block ? field == pb::Block::kExemptFieldNumber
                               : field == pb::Batch::kChangesFieldNumber ||
                                     field == pb::Batch::kBlocksFieldNumber;
    if (!item || WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
      if (!WireFormatLite::SkipField(&in, tag)) return false;
      continue;
    }
    ++*count;
    std::uint32_t size = 0;
    if (!in.ReadVarint32(&size)) return false;
    const std::size_t at = static_cast<std::size_t>(in.CurrentPosition());
    if (size > bytes.size() - at || !in.Skip(static_cast<int>(size))) return false;
    if (field == pb::Batch::kBlocksFieldNumber && !in_block &&
        !CountItems(bytes.substr(at, size), true, count)) {
      return false;
    }
  }
  return true;
}

// The batch in the envelope, in `arena`.
Result<pb::Batch*> OpenEnvelope(const pb::BatchEnvelope& envelope, batch::Compressor& compressor,
                                const DecodeLimits& limits, Arena* arena) {
  std::string decompressed;
  std::string_view plain;
  switch (envelope.content_case()) {
    case pb::BatchEnvelope::kPlain:
      plain = envelope.plain();
      break;
    case pb::BatchEnvelope::kZstd: {
      Result<std::string> content = compressor.Decompress(envelope.zstd(), limits.plain_bytes_max);
      if (!content.ok()) return content.status().Within("batch.zstd");
      decompressed = *std::move(content);
      plain = decompressed;
      break;
    }
    case pb::BatchEnvelope::CONTENT_NOT_SET:
      return Malformed("batch.content");
  }
  if (plain.size() > std::min<std::size_t>(limits.plain_bytes_max, INT32_MAX)) {
    return Status(Code::kResourceExhausted, "batch: over the limit of bytes");
  }
  std::size_t items = 0;
  if (!CountItems(plain, false, &items)) return Malformed("batch");
  if (items > limits.rows_max) {
    return Status(Code::kResourceExhausted, "batch: over the limit of rows");
  }
  pb::Batch* batch = Arena::CreateMessage<pb::Batch>(arena);
  FUSTOR_TRY(Parse(plain, batch));
  return batch;
}

// What is neither change nor block nor row.
Status TakeHead(const pb::Batch& from, batch::Batch* to) {
  if (from.sequence() == 0) return Malformed("batch.sequence");
  to->sequence = from.sequence();
  if (from.source() < 1 || from.source() > static_cast<std::uint32_t>(batch::Source::kJob)) {
    return Malformed("batch.source");
  }
  to->source = static_cast<batch::Source>(from.source());
  to->index_ms = from.index_ms();
  to->scan_id = from.scan_id();
  if (from.scan_mark() > static_cast<std::uint32_t>(batch::ScanMark::kEnd)) {
    return Malformed("batch.scan_mark");
  }
  to->mark = static_cast<batch::ScanMark>(from.scan_mark());
  const bool needs_path = to->mark == batch::ScanMark::kBegin;
  if (needs_path || !from.scan_path().empty()) {
    if (!IsNormalViewPath(from.scan_path())) return Malformed("batch.scan_path");
  }
  to->scan_path = from.scan_path();
  if (from.job_id().size() > batch::kIdBytesMax) return Malformed("batch.job_id");
  to->job_id = from.job_id();
  to->shallow = from.scan_shallow();
  to->job_error = from.job_error().substr(0, batch::kIdBytesMax);
  to->lost_events = from.lost_events();
  to->full_every = from.full_every();
  to->begun_ago_ms = static_cast<std::int64_t>(
      std::min<std::uint64_t>(from.begun_ago_ms(), batch::kBegunAgoMaxMs));
  return Status();
}

}  // namespace

Result<batch::SessionRequest> DecodeSessionRequest(std::string_view bytes) {
  pb::OpenSessionRequest message;
  FUSTOR_TRY(Parse(bytes, &message));
  FUSTOR_TRY(CheckId(message.task_id(), "task_id"));
  if (message.agent_id().size() > batch::kIdBytesMax) return Malformed("agent_id");
  if (message.source_uri().size() > kPathBytesMax) return Malformed("source_uri");
  const Result<Nanos> timeout = batch::FromSeconds(message.session_timeout_seconds());
  if (!timeout.ok()) return timeout.status().Within("session_timeout_seconds");
  if (static_cast<std::size_t>(message.capabilities_size()) > batch::kListLengthMax) {
    return Malformed("capabilities");
  }
  batch::SessionRequest request{
      message.task_id(), message.agent_id(), message.source_uri(), *timeout, {}, 0};
  for (const std::string& name : message.capabilities()) {
    FUSTOR_TRY(CheckId(name, "capabilities"));
    request.capabilities.push_back(name);
  }
  const double fraction = message.max_delete_fraction();
  if (!(fraction >= 0 && fraction <= 1)) return Malformed("max_delete_fraction");
  request.delete_fraction_max = fraction;
  return request;
}

Result<batch::Heartbeat> DecodeHeartbeat(std::string_view bytes) {
  pb::HeartbeatRequest message;
  FUSTOR_TRY(Parse(bytes, &message));
  FUSTOR_TRY(CheckId(message.session_id(), "session_id"));
  if (message.state().size() > batch::kIdBytesMax) return Malformed("state");
  batch::Heartbeat beat{message.session_id(), message.can_realtime(), message.state(),
                        message.rows_sent()};
  if (static_cast<std::size_t>(message.acknowledged_commands_size()) > batch::kListLengthMax) {
    return Malformed("acknowledged_commands");
  }
  for (const std::string& id : message.acknowledged_commands()) {
    FUSTOR_TRY(CheckId(id, "acknowledged_commands"));
    beat.acknowledged_commands.push_back(id);
  }
  return beat;
}

Result<std::string> DecodeCloseSession(std::string_view bytes) {
  pb::CloseSessionRequest message;
  FUSTOR_TRY(Parse(bytes, &message));
  FUSTOR_TRY(CheckId(message.session_id(), "session_id"));
  return message.session_id();
}

Result<std::string> DecodeListSuspects(std::string_view bytes) {
  pb::ListSuspectsRequest message;
  FUSTOR_TRY(Parse(bytes, &message));
  FUSTOR_TRY(CheckId(message.session_id(), "session_id"));
  return message.session_id();
}

Result<SweepReport> DecodeSweep(std::string_view bytes) {
  pb::SweepRequest message;
  FUSTOR_TRY(Parse(bytes, &message));
  FUSTOR_TRY(CheckId(message.session_id(), "session_id"));
  if (static_cast<std::size_t>(message.sightings_size()) > batch::kSweepPathsMax) {
    return Malformed("sightings");
  }
  SweepReport report{message.session_id(), {}, message.again()};
  for (const pb::Sighting& sighting : message.sightings()) {
    if (!IsNormalViewPath(sighting.path())) return Malformed("sightings.path");
    if (sighting.size() > INT64_MAX) return Malformed("sightings.size");
    report.sightings.push_back({sighting.path(), sighting.mtime_ns(),
                                static_cast<std::int64_t>(sighting.size()), sighting.ctime_ns()});
  }
  return report;
}

std::string EncodeSuspects(const std::vector<std::string>& paths) {
  pb::ListSuspectsResponse message;
  for (const std::string& path : paths) message.add_paths(path);
  return message.SerializeAsString();
}

std::string EncodeSweepAnswer(const std::vector<std::string>& differing) {
  pb::SweepResponse message;
  for (const std::string& path : differing) message.add_differing(path);
  return message.SerializeAsString();
}

Result<std::pair<std::string, batch::ConfigReport>> DecodeConfigReport(std::string_view bytes) {
  pb::ConfigReport message;
  FUSTOR_TRY(Parse(bytes, &message));
  FUSTOR_TRY(CheckId(message.session_id(), "session_id"));
  FUSTOR_TRY(CheckId(message.filename(), "filename"));
  if (message.config_yaml().size() > batch::kConfigBytesMax) return Malformed("config_yaml");
  return std::pair(message.session_id(),
                   batch::ConfigReport{message.filename(), message.config_yaml(),
                                       message.error().substr(0, 4096)});
}

Result<std::string> DecodeReportStart(std::string_view bytes) {
  pb::ReportRequest message;
  FUSTOR_TRY(Parse(bytes, &message));
  FUSTOR_TRY(CheckId(message.session_id(), "session_id"));
  return message.session_id();
}

Result<DecodedBatch> DecodeReport(std::string_view bytes, batch::Compressor& compressor,
                                  const DecodeLimits& limits) {
  Arena arena;
  pb::ReportRequest request;
  FUSTOR_TRY(Parse(bytes, &request));
  FUSTOR_TRY_ASSIGN(pb::Batch* const from,
                    OpenEnvelope(request.batch(), compressor, limits, &arena));
  DecodedBatch decoded;
  FUSTOR_TRY(TakeHead(*from, &decoded.batch));
  const bool has_changes = from->changes_size() != 0;
  const bool realtime = decoded.batch.source == batch::Source::kRealtime;
  if (has_changes && from->blocks_size() != 0) return Malformed("batch.blocks");
  if (has_changes && !realtime) return Malformed("batch.changes");
  FUSTOR_TRY_ASSIGN(RowReader rows, RowReader::Make(from->rows(), limits.rows_max));
  if (has_changes) {
    FUSTOR_TRY(TakeChanges(from, &rows, &decoded));
  } else {
    FUSTOR_TRY(TakeBlocks(*from, &rows, &decoded));
  }
  return decoded;
}

std::string EncodeSessionGrant(const batch::SessionGrant& grant) {
  pb::OpenSessionResponse message;
  message.set_session_id(grant.session_id);
  message.set_role(std::string(batch::RoleName(grant.role)));
  message.set_session_timeout_seconds(batch::ToSeconds(grant.timeout));
  message.set_audit_interval_seconds(batch::ToSeconds(grant.audit_interval));
  message.set_sentinel_interval_seconds(batch::ToSeconds(grant.sentinel_interval));
  for (const std::string& id : grant.view_ids) message.add_view_ids(id);
  message.set_credit_bytes(grant.credit_bytes);
  for (const std::string& name : grant.capabilities) message.add_capabilities(name);
  return message.SerializeAsString();
}

std::string EncodeHeartbeatAnswer(const batch::HeartbeatAnswer& answer) {
  pb::HeartbeatResponse message;
  message.set_role(std::string(batch::RoleName(answer.role)));
  PutCommands(answer.commands, message.mutable_commands());
  return message.SerializeAsString();
}

std::string EncodeCloseAnswer() { return pb::CloseSessionResponse().SerializeAsString(); }

std::string EncodeReportAnswer(const batch::ReportAnswer& answer) {
  pb::ReportResponse message;
  message.set_acknowledged_sequence(answer.acknowledged_sequence);
  PutCommands(answer.commands, message.mutable_commands());
  return message.SerializeAsString();
}

}  // namespace fustor::fusion
