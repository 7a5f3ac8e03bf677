#include "svc/fusion/wire/pipe_routes.h"

#include <algorithm>
#include <utility>

#include "base/path.h"
#include "lib/http/answers.h"
#include "svc/fusion/wire/pipe_door.h"
#include "svc/fusion/wire/pushed_rows.h"
#include "svc/fusion/wire/routes.h"

namespace fustor::fusion {
SessionHost::Caller PipeDoor::CallerOf(const http::Request& request) const {
  return {receiver, std::string(KeyOf(request)), request.peer};
}

Reply DetailReply(int status, std::string_view text) { return {status, http::DetailJson(text)}; }

Reply FailureReply(const Status& failure) {
  switch (failure.code()) {
    case Code::kNotFound:
      return DetailReply(kObsoleteStatus, failure.message());
    case Code::kInvalidArgument:
      return DetailReply(422, failure.message());
    case Code::kResourceExhausted:
    case Code::kUnavailable: {
      Reply reply = DetailReply(http::HttpStatus(failure.code()), failure.message());
      reply.retry_after_s = 1;
      return reply;
    }
    default:
      return DetailReply(http::HttpStatus(failure.code()), failure.message());
  }
}

Reply BadFieldReply(const BadField& bad) { return {422, BadFieldJson(bad)}; }

env::Task<void> SendReply(http::ResponseWriter& writer, Reply reply) {
  http::Headers headers = http::JsonHeaders();
  if (reply.retry_after_s > 0) headers.Add("Retry-After", std::to_string(reply.retry_after_s));
  (void)co_await writer.Send(reply.status, std::move(headers), std::move(reply.json));
}

bool ParseSmallBody(json::TapeParser& parser, std::string_view body, json::Tape* tape,
                    BadField* bad) {
  tape->Clear();
  if (body.empty()) return true;
  const Status parsed = parser.Parse(body, tape);
  if (!parsed.ok()) {
    *bad = {"", parsed.message()};
    return false;
  }
  if (!tape->root().is_object() && !tape->root().is_null()) {
    *bad = {"", "must be a JSON object"};
    return false;
  }
  return true;
}

env::Task<std::optional<std::string>> ReadBody(http::Request& request,
                                               http::ResponseWriter& writer) {
  Result<std::string> body = co_await request.body->ReadAll();
  if (body.ok()) co_return std::optional<std::string>(*std::move(body));
  (void)co_await http::SendDetail(writer, http::HttpStatusOfBodyFailure(body.status().code()),
                                  body.status().message());
  co_return std::nullopt;
}

std::optional<json::Tape::Node> MemberOf(json::Tape::Node node, std::string_view key) {
  std::optional<json::Tape::Node> found;
  node.ForEachMember([&](std::string_view name, json::Tape::Node member) {
    if (name == key) found = member;
  });
  if (found && found->is_null()) found.reset();
  return found;
}

std::optional<json::Tape::Node> MemberOf(const json::Tape& tape, std::string_view key) {
  if (tape.empty()) return std::nullopt;
  return MemberOf(tape.root(), key);
}

bool ReadSightings(const json::Tape& tape, std::vector<Arbiter::Sighting>* sightings,
                   BadField* bad) {
  const std::optional<json::Tape::Node> updates = MemberOf(tape, "updates");
  if (!updates || !updates->is_array()) {
    *bad = {"updates", "must be a list"};
    return false;
  }
  updates->ForEachItem([&](json::Tape::Node update) {
    const auto path = MemberOf(update, "path");
    auto mtime = MemberOf(update, "mtime");
    if (!mtime) mtime = MemberOf(update, "current_mtime");
    const auto size = MemberOf(update, "size");
    const auto status = MemberOf(update, "status");
    if (!path || !path->is_string()) return;
    Result<std::string> normal = NormalizeViewPath(path->String());
    Arbiter::Sighting sighting;
    sighting.missing = status && status->is_string() && status->String() == "missing";
    if (!normal.ok() || (!sighting.missing && !(mtime && mtime->is_number()))) return;
    sighting.path = *std::move(normal);
    if (mtime && mtime->is_number()) sighting.mtime_ns = NanosOf(mtime->Number());
    if (size && size->is_number() && size->Number() >= 0 && size->Number() < 0x1p63) {
      sighting.size_bytes = static_cast<std::int64_t>(size->Number());
    }
    sightings->push_back(std::move(sighting));
  });
  return true;
}

void AddPipeRoutes(http::Router& router, std::string receiver, PipePorts ports) {
  const MetricLabels labels = {{"receiver", receiver.empty() ? "management" : receiver}};
  MetricRegistry& metrics = ports.metrics;
  const auto door = std::make_shared<const PipeDoor>(PipeDoor{
      std::move(receiver), std::move(ports),
      metrics.AddCounter("fustor_fusion_received_rows_total", "Rows received from agents.", labels),
      metrics.AddCounter("fustor_fusion_received_bytes_total",
                         "Encoded bytes of batches received from agents.", labels),
      metrics.AddCounter("fustor_fusion_skipped_rows_total",
                         "Rows that made no sense and were left out.", labels),
      metrics.AddCounter("fustor_fusion_bad_batches_total", "Batches that could not be read.",
                         labels)});
  using Answer = env::Task<void> (*)(const PipeDoor&, http::Request&, http::ResponseWriter&);
  const auto add = [&](std::string method, std::string path, Answer answer,
                       std::size_t body_bytes_max = kSmallBodyBytesMax) {
    router.Add(std::move(method), std::move(path),
               [door, answer](http::Request& request, http::ResponseWriter& writer) {
                 return answer(*door, request, writer);
               },
               {.body_bytes_max = body_bytes_max});
  };
  const std::string pipe = "/api/v1/pipe";
  add("POST", pipe + "/session", &OpenSession);
  add("GET", pipe + "/session", &DiscoverView);
  add("POST", pipe + "/session/{session}/heartbeat", &BeatSession);
  add("DELETE", pipe + "/session/{session}", &EndSession);
  add("POST", pipe + "/ingest/{session}/events", &PushEvents, kRowsBodyBytesMax);
  add("POST", pipe + "/{session}/events", &PushEvents, kRowsBodyBytesMax);
  add("POST", pipe + "/consistency/audit/start", &StartAudit);
  add("POST", pipe + "/consistency/audit/end", &EndAudit);
  add("GET", pipe + "/consistency/sentinel/tasks", &AnswerSweepTasks);
  add("POST", pipe + "/consistency/sentinel/feedback", &TakeSweep);
  add("GET", pipe + "/pipes", &AnswerPipes);
  add("GET", pipe + "/pipes/{pipe}", &AnswerPipe);
  add("GET", pipe + "/stats", &AnswerPipeStats);
  add("PUT", "/api/v1/views/{view}/suspect-list", &UpdateSuspects);
  add("POST", "/ingestor-api/v1/sessions", &OpenSession);
  add("POST", "/ingestor-api/v1/events", &PushOldEvents, kRowsBodyBytesMax);
}

}  // namespace fustor::fusion
