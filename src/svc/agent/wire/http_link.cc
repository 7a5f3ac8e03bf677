#include "svc/agent/wire/http_link.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/json_writer.h"
#include "base/path.h"
#include "svc/agent/wire/json_report.h"
#include "svc/agent/wire/unary_stream.h"

namespace fustor::agent {
namespace {

using json::Tape;

constexpr char kSessions[] = "/api/v1/pipe/session/";
constexpr char kAuditEnd[] = "/api/v1/pipe/consistency/audit/end";
constexpr char kSweepTasks[] = "/api/v1/pipe/consistency/sentinel/tasks";
constexpr char kSweepFeedback[] = "/api/v1/pipe/consistency/sentinel/feedback";
constexpr int kRetryAfterMax = 10;

std::optional<Tape::Node> Member(const Tape& tape, std::string_view key) {
  std::optional<Tape::Node> found;
  if (tape.empty()) return found;
  tape.root().ForEachMember([&](std::string_view name, Tape::Node member) {
    if (name == key && !member.is_null()) found = member;
  });
  return found;
}

std::string Text(const Tape& tape, std::string_view key) {
  const auto member = Member(tape, key);
  return member && member->is_string() ? std::string(member->String()) : std::string();
}

std::vector<std::string> Texts(const Tape& tape, std::string_view key) {
  std::vector<std::string> texts;
  if (const auto member = Member(tape, key)) {
    member->ForEachItem([&](Tape::Node item) {
      if (item.is_string()) texts.emplace_back(item.String());
    });
  }
  return texts;
}

Result<Nanos> Duration(const Tape& tape, std::string_view key) {
  const auto member = Member(tape, key);
  if (!member) return Nanos(0);
  if (!member->is_number()) {
    return Status(Code::kInvalidArgument, std::string(key) + " is no number");
  }
  return batch::FromSeconds(member->Number());
}

Result<batch::Role> RoleOf(const Tape& tape) { return batch::ParseRole(Text(tape, "role")); }

Code CodeOf(int status) {
  switch (status) {
    case 401:
    case 404:
    case 419:
      return Code::kUnauthenticated;
    case 403:
      return Code::kPermissionDenied;
    case 409:
      return Code::kFailedPrecondition;
    case 408:
    case 429:
      return Code::kUnavailable;
    default:
      return status >= 500 ? Code::kUnavailable : Code::kInvalidArgument;
  }
}

// What a status that is not 200 means, in Fusion's words if it has any.
Status Refusal(json::TapeParser& parser, const HttpReply& reply) {
  Tape tape;
  std::string detail;
  if (parser.Parse(reply.body, &tape).ok()) detail = Text(tape, "detail");
  if (detail.empty()) detail = reply.body.substr(0, 500);
  return {CodeOf(reply.status), "Fusion answered " + std::to_string(reply.status) + ": " + detail};
}

// For a Fusion that answers what is different.
std::string ExactSweep(const std::string& session_id, const std::vector<batch::Sighting>& sightings,
                       bool again) {
  std::string body;
  JsonWriter json(&body);
  json.BeginObject().Key("type").String("suspect_update").Key("session_id").String(session_id);
  if (again) json.Key("again").Bool(true);
  json.Key("updates").BeginArray();
  for (const batch::Sighting& sighting : sightings) {
    json.BeginObject().Key("path").String(sighting.path);
    json.Key("mtime_ns").Int(sighting.mtime_ns).Key("ctime_ns").Int(sighting.ctime_ns);
    json.Key("size").Int(sighting.size_bytes).EndObject();
  }
  json.EndArray().EndObject();
  return body;
}

std::string PlainSweep(const std::vector<batch::Sighting>& sightings) {
  std::string body;
  JsonWriter json(&body);
  json.BeginObject().Key("type").String("suspect_update").Key("updates").BeginArray();
  for (const batch::Sighting& sighting : sightings) {
    json.BeginObject().Key("path").String(sighting.path);
    json.Key("mtime").Double(PlainSeconds(sighting.mtime_ns));
    json.Key("size").Int(sighting.size_bytes).Key("status").String("exists").EndObject();
  }
  json.EndArray().EndObject();
  return body;
}

class HttpReportStream final : public UnaryStream {
 public:
  HttpReportStream(HttpPort& port, const HttpLink::Options& options, std::string session_id,
                   bool numbered, std::stop_token report)
      : port_(port),
        options_(options),
        session_id_(std::move(session_id)),
        numbered_(numbered),
        chain_(std::move(report), [this] { Cancel(); }) {}

  env::Task<Result<std::uint64_t>> Send(const batch::Batch& batch) override {
    std::uint64_t bytes = 0;
    if (numbered_) {
      const NumberedReport report(batch, options_.part_bytes_max);
      for (std::size_t part = 0; part < report.parts(); ++part) {
        FUSTOR_CO_TRY(co_await Post(EventsTarget(), report.Part(part), &bytes));
      }
    } else {
      const PlainReport report(batch, session_id_);
      for (std::string& body : report.Bodies())
        FUSTOR_CO_TRY(co_await Post(EventsTarget(), std::move(body), &bytes));
      const bool audited =
          batch.source == batch::Source::kAudit && batch.mark == batch::ScanMark::kEnd;
      if (audited) FUSTOR_CO_TRY(co_await Post(kAuditEnd, "{}", &bytes));
      if (report.lost_moves()) {
        co_return Status(Code::kFailedPrecondition,
                         "this Fusion knows no renames: a new session shows everything again");
      }
    }
    Acknowledge(batch.sequence);
    co_return bytes;
  }

 private:
  std::string EventsTarget() const { return "/api/v1/pipe/ingest/" + session_id_ + "/events"; }

  env::Task<Status> Post(std::string target, std::string body, std::uint64_t* bytes) {
    *bytes += body.size();
    for (int attempt = 1;; ++attempt) {
      HttpCall call;
      call.method = "POST";
      call.target = target;
      call.key = options_.key;
      call.body = body;
      call.timeout = options_.push_timeout;
      call.stop = stop();
      const Result<HttpReply> reply = co_await port_.Call(std::move(call));
      if (!reply.ok()) co_return reply.status();
      if (reply->status == 200) co_return Status();
      const bool busy = reply->status == 429 || reply->status == 503;
      if (!busy || attempt == HttpLink::kPatience) {
        co_return Status(CodeOf(reply->status), "Fusion answered " + std::to_string(reply->status) +
                                                    ": " + reply->body.substr(0, 500));
      }
      const Nanos pause = Seconds(std::clamp(reply->retry_after_s, 1, kRetryAfterMax));
      const Status slept = co_await env::SleepFor(pause, stop());
      if (!slept.ok()) co_return slept;
    }
  }

  HttpPort& port_;
  const HttpLink::Options& options_;
  const std::string session_id_;
  const bool numbered_;
  const std::stop_callback<std::function<void()>> chain_;
};

}  // namespace

HttpLink::HttpLink(Options options, std::unique_ptr<HttpPort> data,
                   std::unique_ptr<HttpPort> control, std::unique_ptr<json::TapeParser> parser,
                   std::unique_ptr<json::TapeParser> data_parser)
    : options_(std::move(options)),
      data_(std::move(data)),
      control_(std::move(control)),
      parser_(std::move(parser)),
      data_parser_(std::move(data_parser)) {}

env::Task<Result<HttpReply>> HttpLink::Call(std::string method, std::string target,
                                            std::string body, Nanos timeout) {
  HttpCall call;
  call.method = std::move(method);
  call.target = std::move(target);
  call.key = options_.key;
  call.body = std::move(body);
  call.timeout = timeout;
  call.stop = calls_.get_token();
  co_return co_await control_->Call(std::move(call));
}

Result<batch::SessionGrant> HttpLink::ReadGrant(const std::string& body) {
  Tape tape;
  FUSTOR_TRY(parser_->Parse(body, &tape));
  batch::SessionGrant grant;
  grant.session_id = Text(tape, "session_id");
  if (grant.session_id.empty() || grant.session_id.find_first_of("/?# %") != std::string::npos) {
    return Status(Code::kInvalidArgument, "Fusion's answer names no session");
  }
  FUSTOR_TRY_ASSIGN(grant.role, RoleOf(tape));
  FUSTOR_TRY_ASSIGN(grant.timeout, Duration(tape, "session_timeout_seconds"));
  FUSTOR_TRY_ASSIGN(grant.audit_interval, Duration(tape, "audit_interval_sec"));
  FUSTOR_TRY_ASSIGN(grant.sentinel_interval, Duration(tape, "sentinel_interval_sec"));
  grant.view_ids = Texts(tape, "view_ids");
  grant.capabilities = Texts(tape, "capabilities");
  return grant;
}

Result<batch::HeartbeatAnswer> HttpLink::ReadBeat(const std::string& body) {
  Tape tape;
  FUSTOR_TRY(parser_->Parse(body, &tape));
  batch::HeartbeatAnswer answer;
  FUSTOR_TRY_ASSIGN(answer.role, RoleOf(tape));
  if (const auto commands = Member(tape, "commands")) {
    commands->ForEachItem([&](Tape::Node node) {
      batch::Command command;
      node.ForEachMember([&](std::string_view key, Tape::Node value) {
        if (key == "type" && value.is_string()) command.kind = value.String();
        if (key == "path" && value.is_string()) command.path = value.String();
        if (key == "job_id" && value.is_string()) command.job_id = value.String();
        if (key == "command_id" && value.is_string()) command.command_id = value.String();
        if ((key == "pipe_id" || key == "filename" || key == "version") && value.is_string()) {
          command.name = value.String();
        }
        if (key == "config_yaml" && value.is_string()) command.text = value.String();
        if (key == "recursive" && value.kind() == Tape::Kind::kBool)
          command.recursive = value.Bool();
      });
      if (answer.commands.size() < batch::kListLengthMax) answer.commands.push_back(command);
    });
  }
  return answer;
}

env::Task<Result<batch::SessionGrant>> HttpLink::Open(batch::SessionRequest request) {
  std::string body;
  JsonWriter json(&body);
  json.BeginObject().Key("task_id").String(request.task_id).Key("source_type").String("fs");
  json.Key("client_info").BeginObject().Key("source_uri").String(request.source_uri);
  json.Key("agent_id").String(request.agent_id);
  if (request.delete_fraction_max > 0) {
    json.Key("max_delete_fraction").Double(request.delete_fraction_max);
  }
  json.EndObject();
  if (request.timeout > Nanos(0)) {
    json.Key("session_timeout_seconds").Double(batch::ToSeconds(request.timeout));
  }
  json.Key("capabilities").BeginArray();
  for (const std::string& capability : request.capabilities) json.String(capability);
  json.EndArray().EndObject();
  const Result<HttpReply> reply =
      co_await Call("POST", kSessions, std::move(body), options_.call_timeout);
  if (!reply.ok()) co_return reply.status();
  if (reply->status == 409)
    co_return Status(Code::kAlreadyExists, Refusal(*parser_, *reply).message());
  if (reply->status != 200) co_return Refusal(*parser_, *reply);
  Result<batch::SessionGrant> grant = ReadGrant(reply->body);
  if (grant.ok()) {
    const auto knows = [&](std::string_view name) {
      return std::ranges::find(grant->capabilities, name) != grant->capabilities.end();
    };
    numbered_ = knows("batches");
    settles_ = knows("sweeps");
  }
  co_return grant;
}

env::Task<Result<batch::HeartbeatAnswer>> HttpLink::Beat(batch::Heartbeat beat) {
  std::string body;
  JsonWriter json(&body);
  json.BeginObject().Key("can_realtime").Bool(beat.can_realtime);
  json.Key("agent_status").BeginObject().Key("state").String(beat.state);
  json.Key("events_pushed").Uint(beat.rows_sent);
  json.Key("is_realtime_ready").Bool(beat.can_realtime).EndObject();
  if (!beat.acknowledged_commands.empty()) {
    json.Key("acknowledged_commands").BeginArray();
    for (const std::string& id : beat.acknowledged_commands) json.String(id);
    json.EndArray();
  }
  json.EndObject();
  const Result<HttpReply> reply = co_await Call("POST", kSessions + beat.session_id + "/heartbeat",
                                                std::move(body), options_.call_timeout);
  if (!reply.ok()) co_return reply.status();
  if (reply->status != 200) co_return Refusal(*parser_, *reply);
  co_return ReadBeat(reply->body);
}

env::Task<Status> HttpLink::Close(std::string session_id) {
  const Result<HttpReply> reply =
      co_await Call("DELETE", kSessions + session_id, "", options_.close_timeout);
  if (!reply.ok()) co_return reply.status();
  co_return reply->status == 200 ? Status() : Refusal(*parser_, *reply);
}

env::Task<Status> HttpLink::TellConfig(std::string session_id, batch::ConfigReport report) {
  std::string body;
  JsonWriter json(&body);
  json.BeginObject().Key("session_id").String(session_id).Key("events").BeginArray().EndArray();
  json.Key("source_type").String("config_report").Key("is_end").Bool(false);
  json.Key("metadata").BeginObject().Key("filename").String(report.filename);
  json.Key("config_yaml").String(report.config_yaml);
  if (!report.error.empty()) json.Key("error").String(report.error);
  json.EndObject().EndObject();
  const Result<HttpReply> reply =
      co_await Call("POST", "/api/v1/pipe/ingest/" + session_id + "/events", std::move(body),
                    options_.call_timeout);
  if (!reply.ok()) co_return reply.status();
  co_return reply->status == 200 ? Status() : Refusal(*parser_, *reply);
}

env::Task<Result<std::unique_ptr<ReportStream>>> HttpLink::Report(std::string session_id) {
  report_ = std::stop_source();
  co_return std::unique_ptr<ReportStream>(std::make_unique<HttpReportStream>(
      *data_, options_, std::move(session_id), numbered_, report_.get_token()));
}

env::Task<Result<std::vector<std::string>>> HttpLink::AskOnData(std::string method,
                                                                std::string target,
                                                                std::string body,
                                                                std::string_view paths,
                                                                std::stop_token stop) {
  HttpCall call;
  call.method = std::move(method);
  call.target = std::move(target);
  call.key = options_.key;
  call.body = std::move(body);
  call.timeout = options_.call_timeout;
  call.stop = std::move(stop);
  const Result<HttpReply> reply = co_await data_->Call(std::move(call));
  if (!reply.ok()) co_return reply.status();
  if (reply->status == 404 || reply->status == 405) {
    co_return Status(Code::kUnimplemented, "this Fusion knows no sweeps");
  }
  if (reply->status != 200) co_return Refusal(*data_parser_, *reply);
  Tape tape;
  FUSTOR_CO_TRY(data_parser_->Parse(reply->body, &tape));
  std::vector<std::string> normal;
  for (const std::string& path : Texts(tape, paths)) {
    if (normal.size() == batch::kSweepPathsMax) break;
    Result<std::string> taken = NormalizeViewPath(path);
    if (taken.ok()) normal.push_back(*std::move(taken));
  }
  co_return normal;
}

// The session is not named: the key is the pipe's.
env::Task<Result<std::vector<std::string>>> HttpLink::ListSuspects(std::string,
                                                                   std::stop_token stop) {
  return AskOnData("GET", kSweepTasks, "", "paths", std::move(stop));
}

env::Task<Result<std::vector<std::string>>> HttpLink::Sweep(std::string session_id,
                                                            std::vector<batch::Sighting> sightings,
                                                            bool again, std::stop_token stop) {
  std::string body = settles_ ? ExactSweep(session_id, sightings, again) : PlainSweep(sightings);
  return AskOnData("POST", kSweepFeedback, std::move(body), "differing", std::move(stop));
}

void HttpLink::CancelCalls() { std::exchange(calls_, std::stop_source()).request_stop(); }

}  // namespace fustor::agent
