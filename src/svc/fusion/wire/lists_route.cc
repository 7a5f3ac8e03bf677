#include "lib/http/answers.h"
#include "svc/fusion/wire/node_json.h"
#include "svc/fusion/wire/routes.h"

namespace fustor::fusion {
namespace {

constexpr std::size_t kItemsPerTurn = 1000;

// Opens for one of the routes that answer in any state and know no parameter but `envelope`.
env::Task<std::optional<OpenView>> OpenAnyState(const ViewDoor& door, const http::Request& request,
                                                http::ResponseWriter& writer, bool* envelope) {
  return OpenAndRead(
      door, request, writer, Need::kAnyState,
      [&request, envelope](BadParameter* bad) { return ParseEnvelope(request, envelope, bad); });
}

std::string_view WithoutPort(std::string_view peer) {
  const std::size_t colon = peer.rfind(':');
  if (colon == std::string_view::npos) return peer;
  std::string_view host = peer.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return host;
}

void WriteSession(const SessionInfo& info, JsonWriter* json) {
  const Sessions::Session& s = info.session;
  std::string timeout;
  AppendJsonSeconds(&timeout, s.timeout.count());
  json->BeginObject();
  json->Key("session_id").String(s.id);
  json->Key("task_id").String(s.task_id);
  json->Key("agent_id").String(s.agent_id);
  json->Key("client_ip").String(WithoutPort(s.peer));
  json->Key("source_uri").String(s.source_uri);
  json->Key("last_activity");
  WriteSeconds(s.last_activity, json);
  json->Key("created_at");
  WriteSeconds(s.created_at, json);
  json->Key("allow_concurrent_push").Bool(info.concurrent);
  json->Key("session_timeout_seconds").Raw(timeout);
  json->Key("role").String(info.leader ? "leader" : "follower");
  json->Key("can_snapshot").Bool(info.leader);
  json->Key("can_audit").Bool(info.leader);
  json->Key("can_realtime").Bool(s.can_realtime);
  json->Key("can_send").Bool(true);
  json->Key("state").String(s.state);
  json->Key("rows_sent").Uint(s.rows_sent);
  json->EndObject();
}

}  // namespace

env::Task<void> AnswerSessions(const ViewDoor& door, http::Request& request,
                               http::ResponseWriter& writer) {
  bool envelope = false;
  const std::optional<OpenView> open = co_await OpenAnyState(door, request, writer, &envelope);
  if (!open) co_return;
  const std::vector<SessionInfo> sessions = co_await open->view->ListSessions();
  std::string out;
  BeginEnvelope(envelope, &out);
  JsonWriter json(&out);
  json.BeginObject().Key("view_id").String(open->view->id()).Key("active_sessions").BeginArray();
  for (const SessionInfo& session : sessions) WriteSession(session, &json);
  json.EndArray().Key("count").Uint(sessions.size()).EndObject();
  EndEnvelope(envelope, door, *open, "/", 0, &out);
  (void)co_await writer.Send(200, open->headers, std::move(out));
}

env::Task<void> AnswerSuspects(const ViewDoor& door, http::Request& request,
                               http::ResponseWriter& writer) {
  bool envelope = false;
  const std::optional<OpenView> open = co_await OpenAnyState(door, request, writer, &envelope);
  if (!open) co_return;
  const std::vector<Arbiter::Suspect> suspects = co_await open->view->ListSuspects();
  const Instant now = door.clock.Now();
  const WallTime wall = door.clock.WallNow();
  std::string out;
  BeginEnvelope(envelope, &out);
  JsonWriter json(&out);
  json.BeginArray();
  std::size_t count = 0;
  for (const Arbiter::Suspect& suspect : suspects) {
    if (++count % kItemsPerTurn == 0) co_await NextTurn();
    json.BeginObject().Key("path").String(suspect.path).Key("suspect_until");
    WriteSeconds(wall + (suspect.until - now), &json);
    json.EndObject();
  }
  json.EndArray();
  EndEnvelope(envelope, door, *open, "/", 0, &out);
  (void)co_await writer.Send(200, open->headers, std::move(out));
}

env::Task<void> AnswerBlindSpots(const ViewDoor& door, http::Request& request,
                                 http::ResponseWriter& writer) {
  bool envelope = false;
  const std::optional<OpenView> open = co_await OpenAnyState(door, request, writer, &envelope);
  if (!open) co_return;
  const Arbiter::BlindSpots spots = co_await open->view->ListBlindSpots();
  std::optional<tree::Snapshot> snapshot = co_await PinFor(*open, writer);
  if (!snapshot) co_return;
  const NodeJson nodes({}, open->status);
  std::string out;
  BeginEnvelope(envelope, &out);
  out += "{\"additions_count\":" + std::to_string(spots.additions_count) + ",\"additions\":[";
  bool first = true;
  std::size_t count = 0;
  for (const std::string& path : spots.additions) {
    if (++count % kItemsPerTurn == 0) co_await NextTurn();
    const std::optional<tree::Entry> entry = snapshot->Find(path);
    if (!entry) continue;  // Deleted since.
    if (!first) out += ',';
    first = false;
    nodes.Append(path, *entry, *snapshot, &out);
  }
  const tree::Revision revision = snapshot->revision();
  snapshot.reset();
  out += "],\"deletion_count\":" + std::to_string(spots.deletions_count) + ",\"deletions\":";
  JsonWriter json(&out);
  json.BeginArray();
  for (const std::string& path : spots.deletions) json.String(path);
  json.EndArray();
  out += '}';
  EndEnvelope(envelope, door, *open, "/", revision, &out);
  (void)co_await writer.Send(200, open->headers, std::move(out));
}

env::Task<void> AnswerReset(const ViewDoor& door, http::Request& request,
                            http::ResponseWriter& writer) {
  const std::optional<OpenView> open = co_await Open(door, request, writer, Need::kAnyState);
  if (!open) co_return;
  const Status reset = co_await open->view->Reset();
  if (reset.ok()) {
    (void)co_await writer.Send(204, http::Headers(), "");
  } else {
    (void)co_await http::SendFailure(writer, reset);
  }
}

env::Task<void> AnswerCheckpoints(const ViewDoor& door, http::Request& request,
                                  http::ResponseWriter& writer) {
  const std::optional<OpenView> open = co_await Open(door, request, writer, Need::kAnyState);
  if (!open) co_return;
  Result<std::vector<CheckpointFile>> files = co_await open->view->ListCheckpoints();
  // A view that keeps none has none.
  if (!files.ok() && files.status().code() != Code::kUnimplemented) {
    (void)co_await http::SendFailure(writer, files.status());
    co_return;
  }
  const std::vector<CheckpointFile> none;
  const std::vector<CheckpointFile>& all = files.ok() ? *files : none;
  std::string out;
  JsonWriter json(&out);
  json.BeginObject().Key("view_id").String(open->view->id()).Key("checkpoints").BeginArray();
  for (const CheckpointFile& file : all) {
    json.BeginObject().Key("number").Uint(file.number).Key("written_at");
    WriteSeconds(file.written_at, &json);
    json.Key("revision").Uint(file.revision).Key("entries").Uint(file.entries);
    json.Key("bytes").Uint(file.bytes).EndObject();
  }
  json.EndArray().Key("count").Uint(all.size()).EndObject();
  (void)co_await http::SendJson(writer, 200, std::move(out));
}

}  // namespace fustor::fusion
