#include <algorithm>
#include <utility>

#include "lib/batch/session.h"
#include "lib/http/answers.h"
#include "svc/fusion/wire/node_json.h"
#include "svc/fusion/wire/pipe_door.h"
#include "svc/fusion/wire/routes.h"

namespace fustor::fusion {
namespace {

using json::Tape;

// A string member that may be missing. False: *bad says why.
bool ReadString(std::optional<Tape::Node> node, std::string_view field, std::size_t bytes_max,
                std::string* out, BadField* bad) {
  if (!node) return true;
  if (node->is_string() && node->String().size() <= bytes_max) {
    *out = node->String();
    return true;
  }
  *bad = {std::string(field),
          "must be a string of at most " + std::to_string(bytes_max) + " bytes"};
  return false;
}

bool ReadSessionRequest(const Tape& tape, batch::SessionRequest* request, BadField* bad) {
  if (!MemberOf(tape, "task_id")) {
    *bad = {"task_id", "field required"};
    return false;
  }
  const auto string = [&](std::optional<Tape::Node> node, std::string_view field,
                          std::size_t bytes_max, std::string* out) {
    return ReadString(node, field, bytes_max, out, bad);
  };
  if (!string(MemberOf(tape, "task_id"), "task_id", batch::kIdBytesMax, &request->task_id)) {
    return false;
  }
  if (request->task_id.empty()) {
    *bad = {"task_id", "must not be empty"};
    return false;
  }
  if (const auto info = MemberOf(tape, "client_info")) {
    if (!string(MemberOf(*info, "source_uri"), "client_info", 4096, &request->source_uri) ||
        !string(MemberOf(*info, "agent_id"), "client_info", batch::kIdBytesMax,
                &request->agent_id)) {
      return false;
    }
    const auto fraction = MemberOf(*info, "max_delete_fraction");
    if (fraction && fraction->is_number()) {
      request->delete_fraction_max = std::clamp(fraction->Number(), 0.0, 1.0);
    }
  }
  if (const auto capabilities = MemberOf(tape, "capabilities")) {
    capabilities->ForEachItem([&](Tape::Node name) {
      const bool taken = name.is_string() && name.String().size() <= batch::kIdBytesMax &&
                         request->capabilities.size() < batch::kListLengthMax;
      if (taken) request->capabilities.emplace_back(name.String());
    });
  }
  const auto timeout = MemberOf(tape, "session_timeout_seconds");
  if (!timeout) return true;
  if (timeout->is_number()) {
    const Result<Nanos> hint = batch::FromSeconds(timeout->Number());
    if (hint.ok()) {
      request->timeout = *hint;
      return true;
    }
  }
  *bad = {"session_timeout_seconds", "must be a number of seconds from 0"};
  return false;
}

void WriteStrings(const std::vector<std::string>& strings, JsonWriter* json) {
  json->BeginArray();
  for (const std::string& string : strings) json->String(string);
  json->EndArray();
}

void WriteDuration(Nanos duration, JsonWriter* json) {
  std::string text;
  AppendJsonSeconds(&text, duration.count());
  json->Raw(text);
}

std::string GrantJson(const batch::SessionGrant& grant) {
  std::string out;
  JsonWriter json(&out);
  json.BeginObject().Key("session_id").String(grant.session_id);
  json.Key("role").String(batch::RoleName(grant.role));
  json.Key("is_leader").Bool(grant.role == batch::Role::kLeader);
  // Agents expect a whole number; a fraction that is left out only makes them beat a little sooner.
  json.Key("session_timeout_seconds").Int(grant.timeout / Seconds(1));
  json.Key("audit_interval_sec");
  WriteDuration(grant.audit_interval, &json);
  json.Key("sentinel_interval_sec");
  WriteDuration(grant.sentinel_interval, &json);
  json.Key("view_ids");
  WriteStrings(grant.view_ids, &json);
  json.Key("capabilities");
  WriteStrings(grant.capabilities, &json);
  json.Key("message").String("Session created successfully").EndObject();
  return out;
}

std::string BeatJson(const batch::HeartbeatAnswer& answer) {
  std::string out;
  JsonWriter json(&out);
  json.BeginObject().Key("status").String("ok");
  json.Key("role").String(batch::RoleName(answer.role));
  json.Key("is_leader").Bool(answer.role == batch::Role::kLeader);
  json.Key("message").Null().Key("can_realtime").Null().Key("commands").BeginArray();
  for (const batch::Command& command : answer.commands) {
    json.BeginObject().Key("type").String(command.kind);
    if (command.kind == "scan") {
      json.Key("path").String(command.path).Key("recursive").Bool(command.recursive);
      json.Key("job_id").String(command.job_id);
    } else if (command.kind == "update_config") {
      json.Key("filename").String(command.name).Key("config_yaml").String(command.text);
    } else if (command.kind == "stop_pipe") {
      json.Key("pipe_id").String(command.name);
    } else if (command.kind == "upgrade") {
      json.Key("version").String(command.name);
    }
    if (!command.command_id.empty()) json.Key("command_id").String(command.command_id);
    json.EndObject();
  }
  json.EndArray().EndObject();
  return out;
}

bool ReadBeat(const Tape& tape, SessionHost::PostedBeat* beat, BadField* bad) {
  if (const auto can = MemberOf(tape, "can_realtime")) {
    if (can->kind() != Tape::Kind::kBool) {
      *bad = {"can_realtime", "must be true or false"};
      return false;
    }
    beat->can_realtime = can->Bool();
  }
  if (const auto acknowledged = MemberOf(tape, "acknowledged_commands")) {
    acknowledged->ForEachItem([&](Tape::Node id) {
      const bool taken = id.is_string() && id.String().size() <= batch::kIdBytesMax &&
                         beat->acknowledged_commands.size() < batch::kListLengthMax;
      if (taken) beat->acknowledged_commands.emplace_back(id.String());
    });
  }
  const auto status = MemberOf(tape, "agent_status");
  if (!status) return true;
  const auto state = MemberOf(*status, "state");
  if (state &&
      !ReadString(state, "agent_status", batch::kIdBytesMax, &beat->state.emplace(), bad)) {
    return false;
  }
  const auto pushed = MemberOf(*status, "events_pushed");
  if (pushed && pushed->kind() == Tape::Kind::kInt && pushed->Int() >= 0) {
    beat->rows_sent = static_cast<std::uint64_t>(pushed->Int());
  }
  return true;
}

env::Task<Reply> OpenHere(const PipeDoor& door, SessionHost::Caller caller, std::string body) {
  Tape tape;
  BadField bad;
  batch::SessionRequest request;
  if (!door.ports.host.PipeOf(caller)) co_return DetailReply(401, "Invalid API key");
  if (!ParseSmallBody(*door.ports.control_parser, body, &tape, &bad) ||
      !ReadSessionRequest(tape, &request, &bad)) {
    co_return BadFieldReply(bad);
  }
  const Result<batch::SessionGrant> grant = door.ports.host.Open(caller, request);
  if (!grant.ok()) co_return FailureReply(grant.status());
  co_return Reply{200, GrantJson(*grant)};
}

env::Task<Reply> BeatHere(const PipeDoor& door, SessionHost::Caller caller, std::string session,
                          std::string body) {
  Tape tape;
  BadField bad;
  SessionHost::PostedBeat beat;
  if (!ParseSmallBody(*door.ports.control_parser, body, &tape, &bad) ||
      !ReadBeat(tape, &beat, &bad)) {
    co_return BadFieldReply(bad);
  }
  const Result<batch::HeartbeatAnswer> answer = door.ports.host.BeatPosted(caller, session, beat);
  if (!answer.ok()) co_return FailureReply(answer.status());
  co_return Reply{200, BeatJson(*answer)};
}

env::Task<Reply> EndHere(const PipeDoor& door, SessionHost::Caller caller, std::string session) {
  const Status closed = door.ports.host.ClosePosted(caller, session);
  if (!closed.ok()) co_return FailureReply(closed);
  Reply reply;
  JsonWriter json(&reply.json);
  json.BeginObject().Key("status").String("terminated").Key("session_id").String(session);
  json.EndObject();
  co_return reply;
}

}  // namespace

env::Task<void> OpenSession(const PipeDoor& door, http::Request& request,
                            http::ResponseWriter& writer) {
  SessionHost::Caller caller = door.CallerOf(request);
  if (caller.key.empty()) {
    (void)co_await http::SendDetail(writer, 401, "API key required");
    co_return;
  }
  std::optional<std::string> body = co_await ReadBody(request, writer);
  if (!body) co_return;
  env::Task<Reply> open = OpenHere(door, std::move(caller), *std::move(body));
  Reply reply = co_await env::RunOn(door.ports.control, std::move(open));
  co_await SendReply(writer, std::move(reply));
}

env::Task<void> DiscoverView(const PipeDoor& door, http::Request& request,
                             http::ResponseWriter& writer) {
  const std::string_view key = KeyOf(request);
  if (key.empty()) {
    (void)co_await http::SendDetail(writer, 401, "API key required");
    co_return;
  }
  const ViewSet::Access access = door.ports.views.Check(key);
  if (!access.known) {
    (void)co_await http::SendDetail(writer, 401, "Invalid API key");
    co_return;
  }
  std::string id = access.pipe;
  if (id.empty() && !access.views.empty()) id = access.views.front();
  if (id.empty() && access.management && !door.ports.views.All().empty()) {
    id = door.ports.views.All().front()->id();
  }
  std::string out;
  JsonWriter json(&out);
  json.BeginObject().Key("view_id").String(id).Key("status").String("authorized").EndObject();
  (void)co_await http::SendJson(writer, 200, std::move(out));
}

env::Task<void> BeatSession(const PipeDoor& door, http::Request& request,
                            http::ResponseWriter& writer) {
  std::optional<std::string> body = co_await ReadBody(request, writer);
  if (!body) co_return;
  env::Task<Reply> beat = BeatHere(door, door.CallerOf(request),
                                   std::string(request.PathParameter("session")), *std::move(body));
  Reply reply = co_await env::RunOn(door.ports.control, std::move(beat));
  co_await SendReply(writer, std::move(reply));
}

env::Task<void> EndSession(const PipeDoor& door, http::Request& request,
                           http::ResponseWriter& writer) {
  env::Task<Reply> end =
      EndHere(door, door.CallerOf(request), std::string(request.PathParameter("session")));
  Reply reply = co_await env::RunOn(door.ports.control, std::move(end));
  co_await SendReply(writer, std::move(reply));
}

}  // namespace fustor::fusion
