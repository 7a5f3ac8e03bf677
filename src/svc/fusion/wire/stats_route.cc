#include <algorithm>

#include "base/path.h"
#include "lib/http/answers.h"
#include "svc/fusion/wire/node_json.h"
#include "svc/fusion/wire/routes.h"

namespace fustor::fusion {
namespace {

void WriteSums(const tree::Aggregates& sums, JsonWriter* json) {
  json->Key("allocated_size").Uint(sums.allocated_bytes);
  json->Key("latest_mtime");
  WriteSeconds(WallTime{sums.latest_mtime_ns}, json);
  json->Key("latest_mtime_ns").Int(sums.latest_mtime_ns);
}

void WritePathStats(const ViewDoor& door, const OpenView& open, const tree::Snapshot& snapshot,
                    std::string_view path, const tree::Entry& entry, std::string* out) {
  const tree::Aggregates sums = SumsOf(snapshot, entry);
  JsonWriter json(out);
  json.BeginObject();
  json.Key("path").String(path);
  json.Key("file_count").Uint(sums.files);
  json.Key("dir_count").Uint(sums.directories);
  json.Key("total_size").Uint(sums.bytes);
  WriteSums(sums, &json);
  json.Key("revision").Uint(snapshot.revision());
  WriteTrust(door, *open.status, path, &json);
  json.EndObject();
}

void WriteViewStats(const ViewDoor& door, const OpenView& open, const tree::Snapshot& snapshot,
                    std::string* out) {
  const ViewStatus& s = *open.status;
  const tree::Aggregates sums = snapshot.AggregatesOf(tree::kRoot);
  const double latency_ms = static_cast<double>(s.last_event_latency.count()) / 1e6;
  JsonWriter json(out);
  json.BeginObject();
  json.Key("item_count").Uint(sums.files + sums.directories);
  json.Key("total_files").Uint(sums.files);
  json.Key("total_directories").Uint(sums.directories);
  json.Key("total_size").Uint(sums.bytes);
  json.Key("latency_ms").Double(latency_ms);
  json.Key("last_event_latency_ms").Double(latency_ms);
  json.Key("staleness_seconds");
  if (s.last_event_at) {
    const Nanos age = door.clock.WallNow() - *s.last_event_at;
    WriteSeconds(WallTime{std::max<std::int64_t>(0, age.count())}, &json);
  } else {
    json.Null();
  }
  json.Key("oldest_item_path").Null();
  json.Key("has_blind_spot").Bool(s.blind_additions + s.blind_deletions > 0);
  json.Key("suspect_file_count").Uint(s.suspect_count);
  json.Key("logical_now");
  WriteSeconds(s.logical_now + (door.clock.WallNow() - s.published_at), &json);
  json.Key("last_audit_finished_at");
  WriteSeconds(s.last_audit_finished_at, &json);
  json.Key("audit_cycle_count").Uint(s.audit_cycles);
  json.Key("is_auditing").Bool(s.is_auditing);
  WriteSums(sums, &json);
  json.Key("revision").Uint(snapshot.revision());
  json.Key("blind_spot_additions").Uint(s.blind_additions);
  json.Key("blind_spot_deletions").Uint(s.blind_deletions);
  json.Key("refused_items").Uint(s.refused);
  json.Key("rows_applied").Uint(s.rows_applied);
  json.Key("rows_changed").Uint(s.rows_changed);
  json.Key("memory_bytes").Uint(s.memory.bytes);
  json.Key("retired_bytes").Uint(s.memory.retired_bytes);
  WriteTrust(door, s, "/", &json);
  json.EndObject();
}

void WriteView(const ViewDoor& door, const View& view, std::string* out) {
  const std::shared_ptr<const ViewStatus> status = view.status();
  JsonWriter json(out);
  json.BeginObject();
  json.Key("id").String(view.id());
  json.Key("driver").String(view.driver());
  json.Key("source_uris").BeginArray();
  for (const std::string& uri : view.source_uris()) json.String(uri);
  json.EndArray();
  json.Key("ready").Bool(status->ready);
  json.Key("reason");
  if (status->ready) {
    json.Null();
  } else {
    json.String(status->not_ready_reason);
  }
  json.Key("retry_after_seconds").Int(status->ready ? 0 : status->retry_after_s);
  json.Key("snapshot_rows").Uint(status->snapshot_rows);
  if (const Result<tree::Snapshot> pinned = view.Pin(); pinned.ok()) {
    const tree::Aggregates sums = pinned->AggregatesOf(tree::kRoot);
    json.Key("item_count").Uint(sums.files + sums.directories);
    json.Key("total_files").Uint(sums.files);
    json.Key("total_directories").Uint(sums.directories);
    json.Key("total_size").Uint(sums.bytes);
    WriteSums(sums, &json);
    json.Key("revision").Uint(pinned->revision());
  }
  json.Key("suspect_file_count").Uint(status->suspect_count);
  json.Key("has_blind_spot").Bool(status->blind_additions + status->blind_deletions > 0);
  json.Key("is_auditing").Bool(status->is_auditing);
  json.Key("refused_items").Uint(status->refused);
  json.Key("memory_bytes").Uint(status->memory.bytes);
  WriteTrust(door, *status, "/", &json);
  json.EndObject();
}

}  // namespace

tree::Aggregates SumsOf(const tree::Snapshot& snapshot, const tree::Entry& entry) {
  if (entry.attrs.is_directory()) return snapshot.AggregatesOf(entry.dir);
  const auto positive = [](std::int64_t n) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, n));
  };
  return {1, 0, positive(entry.attrs.size_bytes), positive(entry.attrs.allocated_bytes),
          entry.attrs.mtime_ns};
}

env::Task<void> AnswerViews(const ViewDoor& door, http::Request& request,
                            http::ResponseWriter& writer) {
  const std::optional<ViewSet::Access> access = co_await CheckKey(door, request, writer);
  if (!access) co_return;
  std::string out = "{\"views\":[";
  std::uint64_t count = 0;
  const auto add = [&](const View& view) {
    if (count++ > 0) out += ',';
    WriteView(door, view, &out);
  };
  for (const std::shared_ptr<View>& view : door.views.All()) {
    const bool open = access->management || std::find(access->views.begin(), access->views.end(),
                                                      view->id()) != access->views.end();
    if (open) add(*view);
  }
  out += "],\"count\":" + std::to_string(count) + "}";
  (void)co_await http::SendJson(writer, 200, std::move(out));
}

env::Task<void> AnswerStats(const ViewDoor& door, http::Request& request,
                            http::ResponseWriter& writer) {
  StatsQuery query;
  const auto read = [&](BadParameter* bad) { return ParseStatsQuery(request, &query, bad); };
  const std::optional<OpenView> open =
      co_await OpenAndRead(door, request, writer, Need::kReady, read);
  if (!open) co_return;
  std::optional<tree::Snapshot> snapshot = co_await PinFor(*open, writer);
  if (!snapshot) co_return;
  std::string out;
  BeginEnvelope(query.envelope, &out);
  if (query.path) {
    const std::optional<tree::Entry> entry = snapshot->Find(*query.path);
    if (!entry) {
      snapshot.reset();
      (void)co_await http::SendDetail(
          writer, 404,
          "Path '" + PrintablePath(*query.path) + "' not found in view '" + open->view->id() + "'");
      co_return;
    }
    WritePathStats(door, *open, *snapshot, *query.path, *entry, &out);
  } else {
    WriteViewStats(door, *open, *snapshot, &out);
  }
  EndEnvelope(query.envelope, door, *open, query.path.value_or("/"), snapshot->revision(), &out);
  snapshot.reset();
  (void)co_await writer.Send(200, open->headers, std::move(out));
}

}  // namespace fustor::fusion
