#include <algorithm>
#include <charconv>
#include <utility>

#include "lib/http/answers.h"
#include "svc/fusion/wire/pipe_door.h"
#include "svc/fusion/wire/routes.h"

namespace fustor::fusion {
namespace {

struct Decoded {
  bool valid = false;
  BadField bad;
  PushedEvents pushed;
};

env::Task<Decoded> DecodeHere(const PipeDoor& door, std::string body) {
  Decoded decoded;
  json::Tape tape;
  const Status parsed = door.ports.ingest_parser->Parse(body, &tape);
  if (!parsed.ok()) {
    decoded.bad = {"", parsed.message()};
    co_return decoded;
  }
  decoded.valid = DecodePushedEvents(tape, {}, &decoded.pushed, &decoded.bad);
  co_return decoded;
}

// What a request may take of the room for what is posted: its length when it tells it.
std::uint64_t RoomFor(const http::Request& request) {
  const std::string_view text = request.headers.Find("Content-Length").value_or("");
  std::uint64_t bytes = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  const bool known = error == std::errc() && end == text.data() + text.size() && !text.empty() &&
                     !request.headers.Find("Content-Encoding");
  return known ? std::min<std::uint64_t>(bytes, kRowsBodyBytesMax) : kRowsBodyBytesMax;
}

env::Task<Result<SessionHost::Entry>> AdmitHere(const PipeDoor& door, SessionHost::Caller caller,
                                                std::string session, std::uint64_t bytes) {
  co_return door.ports.host.Admit(caller, session, bytes);
}

env::Task<bool> LeaveHere(const PipeDoor& door, SessionHost::Entry entry) {
  door.ports.host.Leave(entry);
  co_return true;
}

// Gives back what Admit gave when nothing is to be pushed.
env::Task<void> Leave(const PipeDoor& door, SessionHost::Entry entry) {
  env::Task<bool> leave = LeaveHere(door, std::move(entry));
  (void)co_await env::RunOn(door.ports.control, std::move(leave));
}

env::Task<Decoded> Decode(const PipeDoor& door, const SessionHost::Entry* entry, std::string body) {
  door.bytes.Add(body.size());
  env::Task<Decoded> decode = DecodeHere(door, std::move(body));
  Decoded decoded = co_await env::RunOn(door.ports.ingest, std::move(decode));
  const std::uint64_t session = entry == nullptr ? 0 : entry->session.value;
  if (!decoded.valid) {
    door.bad_bodies.Add();
    door.ports.log.Warn("a body cannot be read", {{"receiver", door.receiver},
                                                  {"session", session},
                                                  {"field", decoded.bad.field},
                                                  {"error", decoded.bad.text}});
    co_return decoded;
  }
  door.rows.Add(decoded.pushed.rows);
  if (decoded.pushed.rejected != 0) {
    door.skipped_rows.Add(decoded.pushed.rejected);
    door.ports.log.Warn(
        "rows made no sense and were left out",
        {{"receiver", door.receiver}, {"session", session}, {"rows", decoded.pushed.rejected}});
  }
  co_return decoded;
}

std::string PushedJson(const PushedEvents& pushed) {
  std::string out;
  JsonWriter json(&out);
  json.BeginObject().Key("status").String("ok");
  if (pushed.ends == batch::Source::kJob) {
    json.Key("phase").String("job_complete");
  } else {
    json.Key("count").Uint(pushed.events).Key("rejected").Uint(pushed.rejected);
  }
  json.EndObject();
  return out;
}

env::Task<Reply> Apply(const PipeDoor& door, SessionHost::Entry entry, PushedEvents pushed) {
  Reply reply{200, PushedJson(pushed)};
  SessionHost::Posted posted;
  posted.batches = std::move(pushed.batches);
  posted.ends = pushed.ends;
  posted.events = pushed.events;
  posted.rejected = pushed.rejected;
  posted.numbered = pushed.numbered;
  posted.part = pushed.part;
  posted.job_id = std::move(pushed.job_id);
  posted.job_error = std::move(pushed.job_error);
  env::Task<Status> push = door.ports.host.Push(std::move(entry), std::move(posted));
  const Status status = co_await env::RunOn(door.ports.control, std::move(push));
  if (!status.ok()) co_return FailureReply(status);
  co_return reply;
}

env::Task<bool> KeepConfigHere(const PipeDoor& door, SessionHost::Entry entry,
                               batch::ConfigReport report) {
  (void)door.ports.host.TakeConfigPosted(entry, report);
  co_return true;
}

// The whole configuration of an agent, keys included: only what may be shown is kept.
env::Task<void> KeepConfig(const PipeDoor& door, SessionHost::Entry entry, PushedEvents pushed) {
  pushed.config.error = std::move(pushed.job_error);
  env::Task<bool> keep = KeepConfigHere(door, std::move(entry), std::move(pushed.config));
  (void)co_await env::RunOn(door.ports.control, std::move(keep));
}

bool IsConfigReport(const PushedEvents& pushed) { return pushed.source_type == "config_report"; }

Reply ConfigReportReply() { return {200, R"({"status":"ok","count":0})"}; }

}  // namespace

env::Task<void> PushEvents(const PipeDoor& door, http::Request& request,
                           http::ResponseWriter& writer) {
  env::Task<Result<SessionHost::Entry>> admit =
      AdmitHere(door, door.CallerOf(request), std::string(request.PathParameter("session")),
                RoomFor(request));
  const Result<SessionHost::Entry> entry =
      co_await env::RunOn(door.ports.control, std::move(admit));
  if (!entry.ok()) {
    co_await SendReply(writer, FailureReply(entry.status()));
    co_return;
  }
  std::optional<std::string> body = co_await ReadBody(request, writer);
  if (!body) {
    co_await Leave(door, *entry);
    co_return;
  }
  Decoded decoded = co_await Decode(door, &*entry, *std::move(body));
  if (!decoded.valid || IsConfigReport(decoded.pushed)) {
    if (decoded.valid) co_await KeepConfig(door, *entry, std::move(decoded.pushed));
    co_await Leave(door, *entry);
    co_await SendReply(writer, decoded.valid ? ConfigReportReply() : BadFieldReply(decoded.bad));
    co_return;
  }
  Reply reply = co_await Apply(door, *entry, std::move(decoded.pushed));
  co_await SendReply(writer, std::move(reply));
}

// The session is named in the body, so the key decides whether it is read.
env::Task<void> PushOldEvents(const PipeDoor& door, http::Request& request,
                              http::ResponseWriter& writer) {
  const SessionHost::Caller caller = door.CallerOf(request);
  if (caller.key.empty() || !door.ports.views.Check(caller.key).known) {
    (void)co_await http::SendDetail(writer, 401,
                                    caller.key.empty() ? "API key required" : "Invalid API key");
    co_return;
  }
  std::optional<std::string> body = co_await ReadBody(request, writer);
  if (!body) co_return;
  const std::uint64_t bytes = body->size();
  Decoded decoded = co_await Decode(door, nullptr, *std::move(body));
  if (!decoded.valid || IsConfigReport(decoded.pushed)) {
    co_await SendReply(writer, decoded.valid ? ConfigReportReply() : BadFieldReply(decoded.bad));
    co_return;
  }
  env::Task<Result<SessionHost::Entry>> admit =
      AdmitHere(door, caller, decoded.pushed.session_id, bytes);
  const Result<SessionHost::Entry> entry =
      co_await env::RunOn(door.ports.control, std::move(admit));
  if (!entry.ok()) {
    co_await SendReply(writer, FailureReply(entry.status()));
    co_return;
  }
  Reply reply = co_await Apply(door, *entry, std::move(decoded.pushed));
  co_await SendReply(writer, std::move(reply));
}

}  // namespace fustor::fusion
