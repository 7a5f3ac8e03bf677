#include "svc/fusion/wire/routes.h"

#include <algorithm>
#include <utility>

#include "base/path.h"
#include "lib/http/answers.h"
#include "svc/fusion/wire/node_json.h"

namespace fustor::fusion {
namespace {

constexpr std::size_t kListedMax = 100;  // Subtrees named in one answer.

// What may stand in a header: no line breaks, whatever a reason holds.
std::string OneLine(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  return text;
}

std::string FreshnessHeader(const ViewStatus& status) {
  std::string text = "stale";
  if (status.unready_since) text += "; since=" + FormatUtc(*status.unready_since);
  return OneLine(text + "; reason=" + StaleReason(status));
}

// The conditions (a) to (d) of docs/http-api.md that do not hold.
struct Condition {
  bool Missing::* missing;
  const char* name;
  const char* text;
};
constexpr Condition kConditions[] = {
    {&Missing::snapshot_end, "snapshot_end", "(a) the end of a snapshot"},
    {&Missing::queued, "queue", "(b) a queue without parts of one"},
    {&Missing::in_flight, "in_flight", "(c) that nothing of one is being applied"},
    {&Missing::leader, "leader", "(d) an authoritative session"},
};

env::Task<void> AnswerNotReady(const View& view, const ViewStatus& status,
                               http::ResponseWriter& writer) {
  http::Headers headers = http::JsonHeaders();
  if (status.retry_after_s > 0) headers.Add("Retry-After", std::to_string(status.retry_after_s));
  std::string out;
  JsonWriter json(&out);
  json.BeginObject().Key("detail").String(ReasonFor(view, status));
  json.Key("view_id").String(view.id());
  json.Key("snapshot_rows").Uint(status.snapshot_rows);
  const Missing missing = view.missing();
  json.Key("missing").BeginArray();
  for (const Condition& condition : kConditions) {
    if (missing.*condition.missing) json.String(condition.name);
  }
  json.EndArray().EndObject();
  (void)co_await writer.Send(503, std::move(headers), std::move(out));
}

bool Concerns(std::string_view subtree, std::string_view path) {
  return IsWithin(subtree, path) || IsWithin(path, subtree);
}

}  // namespace

std::string_view BearerKey(std::string_view authorization) {
  constexpr std::string_view kBearer = "bearer ";
  if (authorization.size() <= kBearer.size()) return {};
  for (std::size_t i = 0; i < kBearer.size(); ++i) {
    const char c = authorization[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c) != kBearer[i]) return {};
  }
  std::string_view key = authorization.substr(kBearer.size());
  while (key.starts_with(' ')) key.remove_prefix(1);
  return key;
}

std::string_view KeyOf(const http::Request& request) {
  if (const auto key = request.headers.Find("X-API-Key"); key && !key->empty()) return *key;
  return BearerKey(request.headers.Find("Authorization").value_or(""));
}

bool Opens(const ViewSet::Access& access, std::string_view view) {
  return access.management ||
         std::find(access.views.begin(), access.views.end(), view) != access.views.end();
}

std::string ReasonFor(const View& view, const ViewStatus& status) {
  std::string text = status.not_ready_reason;
  if (!text.starts_with("View '")) text.insert(0, "View '" + view.id() + "': ");
  if (status.restoring) {
    text += " A checkpoint is being loaded (" + std::to_string(status.restored_entries) +
            " entries so far).";
  }
  const Missing missing = view.missing();
  if (!missing.any()) return text;
  text += " Missing:";
  bool first = true;
  for (const Condition& condition : kConditions) {
    if (!(missing.*condition.missing)) continue;
    text += std::exchange(first, false) ? " " : ", ";
    text += condition.text;
  }
  return text + ".";
}

std::string StaleReason(const ViewStatus& status) {
  if (!status.restored_from) return status.not_ready_reason;
  return "restarting from checkpoint: " + status.not_ready_reason;
}

env::Task<std::optional<ViewSet::Access>> CheckKey(const ViewDoor& door,
                                                   const http::Request& request,
                                                   http::ResponseWriter& writer) {
  const std::string_view key = KeyOf(request);
  if (key.empty()) {
    (void)co_await http::SendDetail(writer, 401, "API key required");
    co_return std::nullopt;
  }
  ViewSet::Access access = door.views.Check(key);
  if (!access.known) {
    (void)co_await http::SendDetail(writer, 401, "Invalid API key");
    co_return std::nullopt;
  }
  co_return std::optional<ViewSet::Access>(std::move(access));
}

env::Task<std::optional<OpenView>> Open(const ViewDoor& door, const http::Request& request,
                                        http::ResponseWriter& writer, Need need) {
  return OpenOther(door, request, std::string(request.PathParameter("view")), writer, need);
}

env::Task<std::optional<OpenView>> OpenAndRead(const ViewDoor& door, const http::Request& request,
                                               http::ResponseWriter& writer, Need need,
                                               ReadParameters read) {
  std::optional<OpenView> open = co_await Open(door, request, writer, need);
  if (!open) co_return std::nullopt;
  BadParameter bad;
  if (!read(&bad)) {
    co_await AnswerBadParameter(writer, bad);
    co_return std::nullopt;
  }
  co_return open;
}

env::Task<std::optional<OpenView>> OpenOther(const ViewDoor& door, const http::Request& request,
                                             std::string id, http::ResponseWriter& writer,
                                             Need need) {
  const std::optional<ViewSet::Access> access = co_await CheckKey(door, request, writer);
  if (!access) co_return std::nullopt;
  if (!Opens(*access, id)) {
    (void)co_await http::SendDetail(writer, 403, "This API key does not open view '" + id + "'");
    co_return std::nullopt;
  }
  OpenView open;
  open.view = door.views.Find(id);
  if (open.view == nullptr) {
    const auto members = door.views.Members(id);
    std::string detail = members ? AskAMember(id, *members) : "View '" + id + "' not found";
    (void)co_await http::SendDetail(writer, members ? 400 : 404, std::move(detail));
    co_return std::nullopt;
  }
  open.status = open.view->status();
  open.headers = http::JsonHeaders();
  const ViewStatus& status = *open.status;
  if (need == Need::kReady && !status.ready) {
    if (!status.stale_ok || !status.was_ready_once) {
      co_await AnswerNotReady(*open.view, status, writer);
      co_return std::nullopt;
    }
    open.headers.Add("X-Fustor-Freshness", FreshnessHeader(status));
  }
  co_return std::optional<OpenView>(std::move(open));
}

std::string AskAMember(std::string_view forest, const std::vector<std::shared_ptr<View>>& members) {
  std::string text = "'" + std::string(forest) +
                     "' is a forest, and this cannot be asked of all its members at once; ";
  if (members.empty()) return text + "it has none yet";
  text += "ask one of them:";
  constexpr std::size_t kNamedMax = 20;
  for (std::size_t i = 0; i < members.size() && i < kNamedMax; ++i) text += " " + members[i]->id();
  if (members.size() > kNamedMax) text += " ...";
  return text;
}

bool StillOpens(const ViewDoor& door, const http::Request& request) {
  return StillOpens(door, request, request.PathParameter("view"));
}

bool StillOpens(const ViewDoor& door, const http::Request& request, std::string_view view) {
  return Opens(door.views.Check(KeyOf(request)), view) && door.views.Find(view) != nullptr;
}

bool MayHold(const ViewDoor& door, const http::Request& request, const View& view, Instant begun) {
  return door.clock.Now() - begun <= door.options.long_answer_max &&
         view.status()->memory.retired_bytes <= door.options.retired_bytes_max &&
         StillOpens(door, request, view.id());
}

env::Task<std::optional<tree::Snapshot>> PinFor(const OpenView& open,
                                                http::ResponseWriter& writer) {
  Result<tree::Snapshot> pinned = open.view->Pin();
  if (pinned.ok()) co_return std::optional<tree::Snapshot>(std::move(pinned).value());
  http::Headers headers = http::JsonHeaders();
  headers.Add("Retry-After", "1");
  (void)co_await writer.Send(503, std::move(headers), http::DetailJson(pinned.status().message()));
  co_return std::nullopt;
}

env::Task<void> AnswerBadParameter(http::ResponseWriter& writer, BadParameter bad) {
  (void)co_await http::SendJson(writer, 422, BadParameterJson(bad));
}

env::Task<void> AnswerTooManyLong(http::ResponseWriter& writer) {
  http::Headers headers = http::JsonHeaders();
  headers.Add("Retry-After", "10");
  (void)co_await writer.Send(
      429, std::move(headers),
      http::DetailJson("As many exports and comparisons as may be are under way; ask again later"));
}

env::Task<void> NextTurn() {
  env::Executor& here = co_await env::ThisExecutor();
  const env::Completion<bool> turn;
  auto resolve = turn.resolver();
  here.Post([resolve] { resolve(true); });
  co_await turn.Wait();
}

void Slices::End() {
  const Nanos took = clock_.Now() - begun_;
  if (took > aim_) rows_ = std::max<std::uint64_t>(64, rows_ / 2);
  if (took < aim_ / 2) rows_ = std::min<std::uint64_t>(1 << 20, rows_ * 2);
}

env::Task<void> WalkMatches(const ViewDoor& door, const tree::Snapshot& snapshot,
                            const tree::SearchQuery& query, const VisitMatch& visit) {
  const auto visit_all = [&visit](std::string_view path, const tree::Snapshot::Row& row) {
    visit(path, row);
    return true;
  };
  Slices slices(door.clock, door.options.slice);
  std::string after;
  for (;;) {
    std::optional<std::string> next =
        tree::Search(snapshot, query, after, slices.Begin(), visit_all);
    slices.End();
    if (!next) co_return;
    after = *std::move(next);
    co_await NextTurn();
  }
}

env::Task<Status> Body::Flush() {
  if (!started_) {
    started_ = true;
    const Status started = co_await writer_.Start(200, headers_);
    if (!started.ok()) co_return started;
  }
  std::string piece = std::exchange(text_, std::string());
  text_.reserve(options_.piece_bytes + options_.piece_bytes / 4);
  co_return co_await writer_.Write(std::move(piece));
}

env::Task<Status> Body::Finish() {
  if (!started_) co_return co_await writer_.Send(200, std::move(headers_), std::move(text_));
  if (!text_.empty()) {
    const Status written = co_await writer_.Write(std::move(text_));
    if (!written.ok()) co_return written;
  }
  co_return co_await writer_.End();
}

void BeginEnvelope(bool envelope, std::string* out) {
  if (envelope) *out += "{\"data\":";
}

void EndEnvelope(bool envelope, const ViewDoor& door, const OpenView& open, std::string_view path,
                 tree::Revision revision, std::string* out, bool job_pending) {
  if (!envelope) return;
  *out += job_pending ? ",\"job_pending\":true,\"meta\":" : ",\"job_pending\":false,\"meta\":";
  JsonWriter json(out);
  json.BeginObject().Key("view_id").String(open.view->id()).Key("revision").Uint(revision);
  WriteTrust(door, *open.status, path, &json);
  json.EndObject();
  *out += '}';
}

void WriteSeconds(std::optional<WallTime> time, JsonWriter* json) {
  if (!time) {
    json->Null();
    return;
  }
  std::string text;
  AppendJsonSeconds(&text, time->ns);
  json->Raw(text);
}

void WriteTrust(const ViewDoor& door, const ViewStatus& status, std::string_view path,
                JsonWriter* json) {
  json->Key("freshness").String(status.ready ? "live" : status.was_ready_once ? "stale" : "none");
  json->Key("stale_since");
  WriteSeconds(status.ready ? std::nullopt : status.unready_since, json);
  json->Key("stale_reason");
  if (status.ready) {
    json->Null();
  } else {
    json->String(StaleReason(status));
  }
  json->Key("evidence_age_seconds");
  if (status.last_event_at) {
    const Nanos age = door.clock.WallNow() - *status.last_event_at;
    WriteSeconds(WallTime{std::max<std::int64_t>(0, age.count())}, json);
  } else {
    json->Null();
  }
  json->Key("file_evidence_age_seconds");
  if (status.files_seen_since) {
    const Nanos age = door.clock.WallNow() - *status.files_seen_since;
    WriteSeconds(WallTime{std::max<std::int64_t>(0, age.count())}, json);
  } else {
    json->Null();
  }
  json->Key("alarm");
  if (status.alarm) {
    json->String(AlarmText(*status.alarm));
  } else {
    json->Null();
  }
  std::size_t listed = 0;
  json->Key("uncertain").BeginArray();
  for (const Arbiter::Uncertain& uncertain : status.uncertain) {
    if (!Concerns(uncertain.path, path) || ++listed > kListedMax) continue;
    json->BeginObject().Key("path").String(uncertain.path).Key("since");
    WriteSeconds(uncertain.since, json);
    json->EndObject();
  }
  json->EndArray();
  listed = 0;
  json->Key("audit_only").BeginArray();
  for (const std::string& subtree : status.audit_only) {
    if (Concerns(subtree, path) && ++listed <= kListedMax) json->String(subtree);
  }
  json->EndArray();
}

}  // namespace fustor::fusion
