#include <algorithm>
#include <set>
#include <utility>

#include "base/path.h"
#include "lib/batch/session.h"
#include "lib/http/answers.h"
#include "svc/fusion/wire/pipe_door.h"
#include "svc/fusion/wire/routes.h"

namespace fustor::fusion {
namespace {

using PipeInfo = SessionHost::PipeInfo;

constexpr std::size_t kSweepPathsMax = 1000;  // Of one answer; the first to expire come first.

// What the key opens; nullopt after having answered 401.
env::Task<std::optional<ViewSet::Access>> AccessOfKey(const PipeDoor& door,
                                                      const http::Request& request,
                                                      http::ResponseWriter& writer) {
  const std::string_view key = KeyOf(request);
  ViewSet::Access access = key.empty() ? ViewSet::Access() : door.ports.views.Check(key);
  if (access.known) co_return std::optional<ViewSet::Access>(std::move(access));
  (void)co_await http::SendDetail(writer, 401,
                                  key.empty() ? "API key required" : "Invalid API key");
  co_return std::nullopt;
}

// The pipe of a push key; nullopt after having answered 401 or 403.
env::Task<std::optional<std::string>> PipeOfKey(const PipeDoor& door, const http::Request& request,
                                                http::ResponseWriter& writer) {
  env::Task<std::optional<ViewSet::Access>> asked = AccessOfKey(door, request, writer);
  const std::optional<ViewSet::Access> access = co_await std::move(asked);
  if (!access) co_return std::nullopt;
  if (access->pipe.empty()) {
    (void)co_await http::SendDetail(writer, 403, "This API key opens no pipe");
    co_return std::nullopt;
  }
  co_return std::optional<std::string>(access->pipe);
}

env::Task<std::vector<std::shared_ptr<Shard>>> ShardsHere(const PipeDoor& door, std::string pipe) {
  co_return door.ports.host.ShardsOf(pipe);
}

env::Task<std::vector<std::shared_ptr<Shard>>> ShardsOf(const PipeDoor& door, std::string pipe) {
  env::Task<std::vector<std::shared_ptr<Shard>>> list = ShardsHere(door, std::move(pipe));
  co_return co_await env::RunOn(door.ports.control, std::move(list));
}

env::Task<void> MarkAudit(const PipeDoor& door, http::Request& request,
                          http::ResponseWriter& writer, bool begins) {
  const std::optional<std::string> pipe = co_await PipeOfKey(door, request, writer);
  if (!pipe) co_return;
  env::Task<Result<std::size_t>> mark =
      door.ports.host.MarkScan(*pipe, batch::Source::kAudit, begins);
  const Result<std::size_t> views = co_await env::RunOn(door.ports.control, std::move(mark));
  if (!views.ok()) {
    (void)co_await http::SendFailure(writer, views.status());
    co_return;
  }
  std::string out;
  JsonWriter json(&out);
  json.BeginObject().Key("status").String(begins ? "audit_started" : "audit_ended");
  json.Key("drivers_handled").Uint(*views).EndObject();
  (void)co_await http::SendJson(writer, 200, std::move(out));
}

struct Sweep {
  bool parsed = false;
  bool valid = false;  // Its updates.
  bool known_type = false;
  BadField bad;
  std::vector<Arbiter::Sighting> sightings;
  // Of an agent that reports what differs by itself; empty: of one that does not.
  std::string session_id;
  std::vector<batch::Sighting> exact;
  bool again = false;
};

// {"updates":[{"path","mtime_ns","ctime_ns","size"}]}: those that make sense. False: *bad says why.
bool ReadExactSightings(const json::Tape& tape, std::vector<batch::Sighting>* sightings,
                        BadField* bad) {
  const std::optional<json::Tape::Node> updates = MemberOf(tape, "updates");
  if (!updates || !updates->is_array()) {
    *bad = {"updates", "must be a list"};
    return false;
  }
  const auto whole = [](const std::optional<json::Tape::Node>& node) {
    return node && node->kind() == json::Tape::Kind::kInt;
  };
  updates->ForEachItem([&](json::Tape::Node update) {
    const auto path = MemberOf(update, "path");
    const auto mtime = MemberOf(update, "mtime_ns");
    const auto ctime = MemberOf(update, "ctime_ns");
    const auto size = MemberOf(update, "size");
    const bool sane = path && path->is_string() && IsNormalViewPath(path->String()) &&
                      whole(mtime) && whole(ctime) && whole(size) && size->Int() >= 0;
    if (!sane) return;
    sightings->push_back({std::string(path->String()), mtime->Int(), size->Int(), ctime->Int()});
  });
  if (sightings->size() <= batch::kSweepPathsMax) return true;
  *bad = {"updates", "more than " + std::to_string(batch::kSweepPathsMax) + " files"};
  return false;
}

env::Task<Sweep> ReadSweepHere(const PipeDoor& door, std::string body) {
  Sweep sweep;
  json::Tape tape;
  if (!ParseSmallBody(*door.ports.control_parser, body, &tape, &sweep.bad)) co_return sweep;
  sweep.parsed = true;
  const auto type = MemberOf(tape, "type");
  sweep.known_type = type && type->is_string() && type->String() == "suspect_update";
  if (const auto session = MemberOf(tape, "session_id"); session && session->is_string()) {
    sweep.session_id = session->String();
  }
  if (const auto again = MemberOf(tape, "again"); again) {
    sweep.again = again->kind() == json::Tape::Kind::kBool && again->Bool();
  }
  sweep.valid = sweep.session_id.empty() ? ReadSightings(tape, &sweep.sightings, &sweep.bad)
                                         : ReadExactSightings(tape, &sweep.exact, &sweep.bad);
  co_return sweep;
}

env::Task<Sweep> ReadSweep(const PipeDoor& door, std::string body) {
  env::Task<Sweep> read = ReadSweepHere(door, std::move(body));
  co_return co_await env::RunOn(door.ports.control, std::move(read));
}

env::Task<Result<std::vector<std::shared_ptr<Shard>>>> ShardsOfSessionHere(
    const PipeDoor& door, SessionHost::Caller caller, std::string session_id) {
  co_return door.ports.host.ShardsOfSession(caller, session_id);
}

// Nothing is edited: the agent reports what differs, in its place among its other reports.
env::Task<Reply> Settle(const PipeDoor& door, SessionHost::Caller caller, Sweep sweep) {
  env::Task<Result<std::vector<std::shared_ptr<Shard>>>> list =
      ShardsOfSessionHere(door, std::move(caller), std::move(sweep.session_id));
  const Result<std::vector<std::shared_ptr<Shard>>> shards =
      co_await env::RunOn(door.ports.control, std::move(list));
  // The key is known: what is not is the session.
  if (!shards.ok()) co_return DetailReply(kObsoleteStatus, shards.status().message());
  std::set<std::string> differing;
  for (const std::shared_ptr<Shard>& shard : *shards) {
    std::vector<std::string> paths = co_await shard->Settle(sweep.exact, sweep.again);
    for (std::string& path : paths) differing.insert(std::move(path));
  }
  Reply reply;
  JsonWriter json(&reply.json);
  json.BeginObject().Key("status").String("processed");
  json.Key("drivers_updated").Uint(shards->size()).Key("differing").BeginArray();
  for (const std::string& path : differing) json.String(path);
  json.EndArray().EndObject();
  co_return reply;
}

env::Task<std::vector<PipeInfo>> PipesHere(const PipeDoor& door) {
  co_return door.ports.host.ListPipes();
}

bool MaySee(const ViewSet::Access& access, const PipeInfo& pipe) {
  if (access.management || access.pipe == pipe.id) return true;
  return access.pipe.empty() && std::ranges::any_of(pipe.view_ids, [&](const std::string& view) {
           return std::ranges::find(access.views, view) != access.views.end();
         });
}

// What the key may see; nullopt after having answered 401.
env::Task<std::optional<std::vector<PipeInfo>>> VisiblePipes(const PipeDoor& door,
                                                             const http::Request& request,
                                                             http::ResponseWriter& writer) {
  env::Task<std::optional<ViewSet::Access>> asked = AccessOfKey(door, request, writer);
  const std::optional<ViewSet::Access> access = co_await std::move(asked);
  if (!access) co_return std::nullopt;
  env::Task<std::vector<PipeInfo>> list = PipesHere(door);
  std::vector<PipeInfo> pipes = co_await env::RunOn(door.ports.control, std::move(list));
  std::erase_if(pipes, [&](const PipeInfo& pipe) { return !MaySee(*access, pipe); });
  co_return std::optional<std::vector<PipeInfo>>(std::move(pipes));
}

void WritePipe(const PipeInfo& pipe, JsonWriter* json) {
  json->BeginObject().Key("id").String(pipe.id);
  json->Key("view_id").String(pipe.view_ids.empty() ? "" : pipe.view_ids.front());
  json->Key("state").String("RUNNING");
  json->Key("info").BeginObject().Key("receiver").String(pipe.receiver);
  json->Key("session_policy");
  json->String(pipe.policy == SessionPolicy::kShared ? "shared" : "exclusive").EndObject();
  json->Key("view_handlers").BeginArray();
  for (const std::string& view : pipe.view_ids) json->String(view);
  json->EndArray().Key("active_sessions").Uint(pipe.session_ids.size()).Key("leader_session");
  if (pipe.leader_id.empty()) {
    json->Null();
  } else {
    json->String(pipe.leader_id);
  }
  json->Key("statistics").BeginObject();
  json->Key("events_received").Uint(pipe.events_received);
  json->Key("events_processed").Uint(pipe.events_processed);
  json->Key("sessions_created").Uint(pipe.sessions_created);
  json->Key("sessions_closed").Uint(pipe.sessions_closed);
  json->Key("errors").Uint(pipe.errors).EndObject();
  json->Key("queue_size").Uint(pipe.queue_size).EndObject();
}

}  // namespace

env::Task<void> StartAudit(const PipeDoor& door, http::Request& request,
                           http::ResponseWriter& writer) {
  return MarkAudit(door, request, writer, true);
}

env::Task<void> EndAudit(const PipeDoor& door, http::Request& request,
                         http::ResponseWriter& writer) {
  return MarkAudit(door, request, writer, false);
}

env::Task<void> AnswerSweepTasks(const PipeDoor& door, http::Request& request,
                                 http::ResponseWriter& writer) {
  const std::optional<std::string> pipe = co_await PipeOfKey(door, request, writer);
  if (!pipe) co_return;
  const std::vector<std::shared_ptr<Shard>> shards = co_await ShardsOf(door, *pipe);
  std::string out;
  JsonWriter json(&out);
  json.BeginObject();
  for (const std::shared_ptr<Shard>& shard : shards) {
    std::vector<Arbiter::Suspect> suspects = co_await shard->ListSuspects();
    if (suspects.empty()) continue;
    if (suspects.size() > kSweepPathsMax) suspects.resize(kSweepPathsMax);
    json.Key("type").String("suspect_check").Key("paths").BeginArray();
    for (const Arbiter::Suspect& suspect : suspects) json.String(suspect.path);
    json.EndArray().Key("view_id").String(shard->view_id());
    break;
  }
  json.EndObject();
  (void)co_await http::SendJson(writer, 200, std::move(out));
}

env::Task<void> TakeSweep(const PipeDoor& door, http::Request& request,
                          http::ResponseWriter& writer) {
  const std::optional<std::string> pipe = co_await PipeOfKey(door, request, writer);
  if (!pipe) co_return;
  std::optional<std::string> body = co_await ReadBody(request, writer);
  if (!body) co_return;
  Sweep sweep = co_await ReadSweep(door, *std::move(body));
  if (sweep.parsed && !sweep.known_type) {
    (void)co_await http::SendJson(writer, 200, R"({"status":"ignored","reason":"unknown_type"})");
    co_return;
  }
  if (!sweep.valid) {
    co_await SendReply(writer, BadFieldReply(sweep.bad));
    co_return;
  }
  if (!sweep.session_id.empty()) {
    env::Task<Reply> settle = Settle(door, door.CallerOf(request), std::move(sweep));
    Reply reply = co_await std::move(settle);
    co_await SendReply(writer, std::move(reply));
    co_return;
  }
  const std::vector<std::shared_ptr<Shard>> shards = co_await ShardsOf(door, *pipe);
  for (const std::shared_ptr<Shard>& shard : shards) {
    (void)co_await shard->Sweep(sweep.sightings);
  }
  std::string out;
  JsonWriter json(&out);
  json.BeginObject().Key("status").String("processed").Key("drivers_updated").Uint(shards.size());
  json.EndObject();
  (void)co_await http::SendJson(writer, 200, std::move(out));
}

env::Task<void> UpdateSuspects(const PipeDoor& door, http::Request& request,
                               http::ResponseWriter& writer) {
  const ViewDoor views{door.ports.views, {}, door.ports.control.clock()};
  const std::optional<OpenView> open = co_await Open(views, request, writer, Need::kAnyState);
  if (!open) co_return;
  std::optional<std::string> body = co_await ReadBody(request, writer);
  if (!body) co_return;
  const Sweep sweep = co_await ReadSweep(door, *std::move(body));
  if (!sweep.valid) {
    co_await SendReply(writer, BadFieldReply(sweep.bad));
    co_return;
  }
  const std::size_t known = co_await open->view->Sweep(sweep.sightings);
  std::string out;
  JsonWriter json(&out);
  json.BeginObject().Key("view_id").String(open->view->id()).Key("updated_count").Uint(known);
  json.Key("status").String("ok").EndObject();
  (void)co_await http::SendJson(writer, 200, std::move(out));
}

env::Task<void> AnswerPipes(const PipeDoor& door, http::Request& request,
                            http::ResponseWriter& writer) {
  const std::optional<std::vector<PipeInfo>> pipes = co_await VisiblePipes(door, request, writer);
  if (!pipes) co_return;
  std::string out;
  JsonWriter json(&out);
  json.BeginObject();
  for (const PipeInfo& pipe : *pipes) {
    json.Key(pipe.id);
    WritePipe(pipe, &json);
  }
  json.EndObject();
  (void)co_await http::SendJson(writer, 200, std::move(out));
}

env::Task<void> AnswerPipe(const PipeDoor& door, http::Request& request,
                           http::ResponseWriter& writer) {
  const std::optional<std::vector<PipeInfo>> pipes = co_await VisiblePipes(door, request, writer);
  if (!pipes) co_return;
  const std::string id(request.PathParameter("pipe"));
  const auto found = std::ranges::find(*pipes, id, &PipeInfo::id);
  if (found == pipes->end()) {
    // One that others may see is not told apart from one that is not there.
    (void)co_await http::SendDetail(writer, 404, "Pipe '" + id + "' not found");
    co_return;
  }
  std::string out;
  JsonWriter json(&out);
  WritePipe(*found, &json);
  (void)co_await http::SendJson(writer, 200, std::move(out));
}

env::Task<void> AnswerPipeStats(const PipeDoor& door, http::Request& request,
                                http::ResponseWriter& writer) {
  const std::optional<std::string> pipe = co_await PipeOfKey(door, request, writer);
  if (!pipe) co_return;
  const std::optional<std::vector<PipeInfo>> pipes = co_await VisiblePipes(door, request, writer);
  if (!pipes) co_return;
  PipeInfo sums;
  for (const PipeInfo& info : *pipes) {
    if (info.id == *pipe) sums = info;
  }
  std::string out;
  JsonWriter json(&out);
  json.BeginObject().Key("events_received").Uint(sums.events_received);
  json.Key("events_processed").Uint(sums.events_processed).Key("errors").Uint(sums.errors);
  json.EndObject();
  (void)co_await http::SendJson(writer, 200, std::move(out));
}

}  // namespace fustor::fusion
