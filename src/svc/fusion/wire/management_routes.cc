#include "svc/fusion/wire/management_routes.h"

#include <optional>
#include <utility>
#include <vector>

#include "base/json_writer.h"
#include "base/path.h"
#include "lib/http/answers.h"
#include "svc/fusion/wire/node_json.h"
#include "svc/fusion/wire/pipe_door.h"
#include "svc/fusion/wire/routes.h"

namespace fustor::fusion {
namespace {

using json::Tape;

// A session in the words of operators.
void WriteAgent(const SessionInfo& info, JsonWriter* json) {
  const Sessions::Session& s = info.session;
  json->BeginObject().Key("agent_id").String(s.agent_id).Key("task_id").String(s.task_id);
  json->Key("role").String(info.leader ? "leader" : "follower");
  json->Key("client_ip").String(s.peer).Key("source_uri").String(s.source_uri);
  json->Key("state").String(s.state).Key("can_realtime").Bool(s.can_realtime);
  json->Key("last_activity");
  WriteSeconds(s.last_activity, json);
  json->Key("created_at");
  WriteSeconds(s.created_at, json);
  json->EndObject();
}

void WriteView(const View& view, std::size_t open_jobs, JsonWriter* json) {
  const std::shared_ptr<const ViewStatus> status = view.status();
  json->BeginObject().Key("id").String(view.id()).Key("driver").String(view.driver());
  json->Key("ready").Bool(status->ready).Key("reason");
  if (status->ready) {
    json->Null();
  } else {
    json->String(status->not_ready_reason);
  }
  json->Key("entries").Uint(status->memory.entries).Key("bytes").Uint(status->memory.bytes);
  json->Key("suspect_file_count").Uint(status->suspect_count);
  json->Key("uncertain_count").Uint(status->uncertain.size());
  json->Key("is_auditing").Bool(status->is_auditing).Key("open_jobs").Uint(open_jobs).EndObject();
}

// What runs on the control executor.
struct Picture {
  std::vector<SessionInfo> sessions;
  std::vector<SessionHost::PipeInfo> pipes;
  std::vector<std::size_t> open_jobs;  // By view.
};
env::Task<Picture> LookHere(SessionHost& host, std::vector<std::string> views) {
  Picture picture;
  picture.sessions = host.AllSessions();
  picture.pipes = host.ListPipes();
  for (const std::string& view : views) {
    std::size_t open = 0;
    for (const Jobs::Job& job : host.ListJobs(view)) open += job.open() ? 1 : 0;
    picture.open_jobs.push_back(open);
  }
  co_return picture;
}

env::Task<std::vector<ConfigReports::Report>> ConfigsHere(SessionHost& host, std::string agent) {
  co_return host.ConfigsOf(agent);
}

std::string TextOf(const Tape& tape, std::string_view key) {
  const auto member = MemberOf(tape, key);
  return member && member->is_string() ? std::string(member->String()) : std::string();
}

Reply AcceptedReply(std::string_view kind, const std::optional<Jobs::Job>& job) {
  Reply reply{202, ""};
  JsonWriter json(&reply.json);
  json.BeginObject().Key("status").String("queued").Key("type").String(kind);
  if (job) json.Key("job_id").String(job->id).Key("view_id").String(job->view_id);
  json.EndObject();
  return reply;
}

Reply RefusedReply(const Status& status) {
  if (status.code() == Code::kNotFound) return DetailReply(404, status.message());
  return FailureReply(status);
}

env::Task<Reply> CommandHere(const ManagementPorts& ports, std::string agent, std::string body) {
  Tape tape;
  BadField bad;
  if (!ParseSmallBody(*ports.control_parser, body, &tape, &bad)) co_return BadFieldReply(bad);
  const std::string type = TextOf(tape, "type");
  if (type == "scan") {
    const std::string given = TextOf(tape, "path");
    const Result<std::string> path = NormalizeViewPath(given.empty() ? "/" : given);
    if (!path.ok()) co_return BadFieldReply({"path", path.status().message()});
    const auto recursive = MemberOf(tape, "recursive");
    const bool deep = !recursive || recursive->kind() != Tape::Kind::kBool || recursive->Bool();
    const Result<Jobs::Job> job = ports.host.StartScanOf(agent, *path, deep);
    if (!job.ok()) co_return RefusedReply(job.status());
    co_return AcceptedReply(type, *job);
  }
  batch::Command command;
  command.kind = type;
  if (type == "stop_pipe") {
    command.name = TextOf(tape, "pipe_id");
    if (command.name.empty()) co_return BadFieldReply({"pipe_id", "field required"});
  } else if (type == "update_config") {
    command.name = TextOf(tape, "filename");
    command.text = TextOf(tape, "config_yaml");
    if (command.text.empty()) co_return BadFieldReply({"config_yaml", "field required"});
    if (command.text.size() > batch::kConfigBytesMax) {
      co_return BadFieldReply({"config_yaml", "larger than 512 KiB"});
    }
  } else if (type == "upgrade") {
    command.name = TextOf(tape, "version");
    if (!batch::IsVersion(command.name)) {
      co_return BadFieldReply({"version", "must be 1 to 64 letters, digits or .+~:_-, no - first"});
    }
  } else if (type != "reload_config") {
    co_return BadFieldReply(
        {"type", "must be scan, reload_config, update_config, stop_pipe or upgrade"});
  }
  const Status sent = ports.host.SendCommand(agent, std::move(command));
  if (!sent.ok()) co_return RefusedReply(sent);
  co_return AcceptedReply(type, std::nullopt);
}

// Constant while the router serves.
class Door {
 public:
  explicit Door(ManagementPorts ports) : ports_(std::move(ports)) {}

  // False after having answered.
  env::Task<bool> Opens(http::Request& request, http::ResponseWriter& writer) const {
    Reply refusal{0, ""};
    const std::string_view key = KeyOf(request);
    if (!ports_.views.has_management_key()) {
      refusal = DetailReply(404,
                            "The management API is off: the configuration has no "
                            "management.api_keys");
    } else if (key.empty()) {
      refusal = DetailReply(401, "API key required");
    } else if (const ViewSet::Access access = ports_.views.Check(key); !access.known) {
      refusal = DetailReply(401, "Invalid API key");
    } else if (!access.management) {
      refusal = DetailReply(403, "This API key does not open the management API");
    }
    if (refusal.status == 0) co_return true;
    Note(request, refusal.status);
    co_await SendReply(writer, std::move(refusal));
    co_return false;
  }

  void Note(const http::Request& request, int status) const {
    ports_.log.Info("management", {{"method", request.method},
                                   {"path", PrintablePath(request.path)},
                                   {"peer", request.peer},
                                   {"status", status}});
  }
  env::Task<void> Finish(http::Request& request, http::ResponseWriter& writer, Reply reply) const {
    Note(request, reply.status);
    co_await SendReply(writer, std::move(reply));
  }

  env::Task<void> Dashboard(http::Request& request, http::ResponseWriter& writer) const {
    const std::vector<std::shared_ptr<View>> views = ports_.views.All();
    std::vector<std::string> names;
    for (const auto& view : views) names.push_back(view->id());
    env::Task<Picture> look = LookHere(ports_.host, names);
    const Picture picture = co_await env::RunOn(ports_.control, std::move(look));
    Reply reply;
    JsonWriter json(&reply.json);
    json.BeginObject().Key("version").String(ports_.version).Key("views").BeginArray();
    for (std::size_t i = 0; i < views.size(); ++i) {
      WriteView(*views[i], picture.open_jobs[i], &json);
    }
    json.EndArray().Key("pipes").BeginArray();
    for (const SessionHost::PipeInfo& pipe : picture.pipes) {
      json.BeginObject().Key("id").String(pipe.id).Key("receiver").String(pipe.receiver);
      json.Key("session_policy");
      json.String(pipe.policy == SessionPolicy::kShared ? "shared" : "exclusive");
      json.Key("sessions").Uint(pipe.session_ids.size());
      json.Key("has_leader").Bool(!pipe.leader_id.empty());
      json.Key("events_received").Uint(pipe.events_received);
      json.Key("events_processed").Uint(pipe.events_processed);
      json.Key("errors").Uint(pipe.errors).Key("queue_size").Uint(pipe.queue_size).EndObject();
    }
    json.EndArray().Key("agents").BeginArray();
    for (const SessionInfo& session : picture.sessions) WriteAgent(session, &json);
    json.EndArray().EndObject();
    co_await Finish(request, writer, std::move(reply));
  }

  env::Task<void> Drivers(http::Request& request, http::ResponseWriter& writer) const {
    co_await Finish(request, writer,
                    {200, R"({"sources":["fs"],"senders":["grpc","http","echo"],)"
                          R"("receivers":["grpc","http"],"views":["fs","forest-fs"]})"});
  }

  env::Task<void> AskConfig(http::Request& request, http::ResponseWriter& writer,
                            ConfigRequest ask) const {
    if (!ports_.config) {
      co_await Finish(request, writer, DetailReply(501, "This Fusion has no configuration files"));
      co_return;
    }
    const env::Completion<Result<ConfigAnswer>> done;
    ports_.config(std::move(ask), done.resolver());
    const Result<ConfigAnswer> answer = co_await done.Wait();
    Reply reply;
    if (answer.ok()) {
      JsonWriter json(&reply.json);
      json.BeginObject().Key("status").String("ok").Key("filename").String(answer->filename);
      json.Key("config_yaml").String(answer->yaml).EndObject();
    } else {
      reply = FailureReply(answer.status());
      // What a configuration gets wrong is the caller's, not an obsolete session.
      if (answer.status().code() == Code::kNotFound) {
        reply = DetailReply(404, answer.status().message());
      }
    }
    co_await Finish(request, writer, std::move(reply));
  }

  env::Task<void> UpdateConfig(http::Request& request, http::ResponseWriter& writer) const {
    std::optional<std::string> body = co_await ReadBody(request, writer);
    if (!body) co_return;
    const auto dry_run = request.Query("dry_run");
    co_await AskConfig(request, writer,
                       {ConfigRequest::Kind::kUpdate, *std::move(body),
                        dry_run.has_value() && *dry_run != "false"});
  }

  env::Task<void> AgentConfigs(http::Request& request, http::ResponseWriter& writer) const {
    const std::string agent(request.PathParameter("agent"));
    env::Task<std::vector<ConfigReports::Report>> ask = ConfigsHere(ports_.host, agent);
    const std::vector<ConfigReports::Report> reports =
        co_await env::RunOn(ports_.control, std::move(ask));
    Reply reply;
    if (reports.empty()) {
      reply = DetailReply(404, "Agent '" + PrintablePath(agent) + "' has told no configuration");
    } else {
      JsonWriter json(&reply.json);
      json.BeginObject().Key("agent_id").String(agent).Key("configs").BeginArray();
      for (const ConfigReports::Report& report : reports) {
        json.BeginObject().Key("filename").String(report.filename);
        json.Key("config_yaml").String(report.yaml).Key("error");
        if (report.error.empty()) {
          json.Null();
        } else {
          json.String(report.error);
        }
        json.Key("received_at");
        WriteSeconds(report.received_at, &json);
        json.EndObject();
      }
      json.EndArray().EndObject();
    }
    co_await Finish(request, writer, std::move(reply));
  }

  env::Task<void> Command(http::Request& request, http::ResponseWriter& writer) const {
    std::optional<std::string> body = co_await ReadBody(request, writer);
    if (!body) co_return;
    env::Task<Reply> command =
        CommandHere(ports_, std::string(request.PathParameter("agent")), *std::move(body));
    Reply reply = co_await env::RunOn(ports_.control, std::move(command));
    co_await Finish(request, writer, std::move(reply));
  }

  env::Task<void> ShowConfig(http::Request& request, http::ResponseWriter& writer) const {
    return AskConfig(request, writer, {ConfigRequest::Kind::kShow});
  }
  env::Task<void> Reload(http::Request& request, http::ResponseWriter& writer) const {
    return AskConfig(request, writer, {ConfigRequest::Kind::kReload});
  }

 private:
  const ManagementPorts ports_;
};

using Handler = env::Task<void> (Door::*)(http::Request&, http::ResponseWriter&) const;

env::Task<void> Serve(std::shared_ptr<const Door> door, Handler handler, http::Request& request,
                      http::ResponseWriter& writer) {
  const bool open = co_await door->Opens(request, writer);
  if (open) co_await ((*door).*handler)(request, writer);
}

}  // namespace

void AddManagementRoutes(http::Router& router, ManagementPorts ports) {
  const auto door = std::make_shared<const Door>(std::move(ports));
  const auto add = [&](std::string method, const std::string& path, Handler handler) {
    router.Add(std::move(method), "/api/v1/management" + path,
               [door, handler](http::Request& request, http::ResponseWriter& writer) {
                 return Serve(door, handler, request, writer);
               },
               {.body_bytes_max = kSmallBodyBytesMax});
  };
  add("GET", "/dashboard", &Door::Dashboard);
  add("GET", "/drivers", &Door::Drivers);
  add("GET", "/config", &Door::ShowConfig);
  add("PATCH", "/config", &Door::UpdateConfig);
  add("POST", "/reload", &Door::Reload);
  add("GET", "/agents/{agent}/config", &Door::AgentConfigs);
  add("POST", "/agents/{agent}/command", &Door::Command);
}

}  // namespace fustor::fusion
