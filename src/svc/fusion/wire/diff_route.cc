#include <string>
#include <utility>

#include "base/path.h"
#include "lib/http/answers.h"
#include "lib/tree/diff.h"
#include "svc/fusion/wire/difference_json.h"
#include "svc/fusion/wire/routes.h"

namespace fustor::fusion {
namespace {

// One of the two trees. The snapshot goes before what it is of.
struct Side {
  std::shared_ptr<View> view;
  std::string_view freshness = "live";
  std::optional<WallTime> written_at;              // Of the checkpoint.
  std::shared_ptr<const LoadedCheckpoint> loaded;  // nullptr: it is the view as it is now.
  std::optional<tree::Snapshot> snapshot;
};

void WriteSide(const Side& side, JsonWriter* json) {
  json->BeginObject().Key("view_id").String(side.view->id());
  json->Key("revision").Uint(side.snapshot->revision());
  json->Key("freshness").String(side.freshness);
  if (side.written_at) {
    json->Key("written_at");
    WriteSeconds(side.written_at, json);
  }
  json->EndObject();
}

// The last line: what the others come to, and where to go on.
void AppendEnd(const DifferenceSums& sums, const Side& before, const Side& after,
               const std::optional<std::string>& next, std::string* out) {
  JsonWriter json(out);
  json.BeginObject().Key("summary");
  sums.Write(&json);
  json.Key("before");
  WriteSide(before, &json);
  json.Key("after");
  WriteSide(after, &json);
  json.Key("next");
  if (next) {
    json.String(Cursor{after.snapshot->revision(), *next}.Text());
  } else {
    json.Null();
  }
  json.EndObject();
  *out += '\n';
}

bool MayGoOn(const ViewDoor& door, const http::Request& request, const Side& before,
             const Side& after, Instant begun) {
  return MayHold(door, request, *before.view, begun) && MayHold(door, request, *after.view, begun);
}

env::Task<void> WriteDifferences(const ViewDoor& door, const http::Request& request,
                                 const DiffQuery& query, const Side& before, const Side& after,
                                 http::ResponseWriter& writer) {
  const Instant begun = door.clock.Now();
  DifferenceSums sums;
  std::string piece;
  std::uint64_t left = query.limit.value_or(UINT64_MAX);
  std::string last;
  bool more = false;  // Than the limit.
  Slices slices(door.clock, door.options.slice);
  std::string at = query.after;
  for (bool done = false; !done;) {
    const std::optional<std::string> next =
        tree::Diff(*before.snapshot, *after.snapshot, query.options, at, slices.Begin(),
                   [&](const tree::Difference& difference) {
                     // One more than there may be shows that there are more.
                     more = left == 0;
                     if (more) return false;
                     --left;
                     last = difference.path;
                     sums.Add(difference);
                     AppendDifferenceJson(difference, &piece);
                     piece += '\n';
                     return piece.size() < door.options.piece_bytes;
                   });
    slices.End();
    done = !next || more;
    if (done) AppendEnd(sums, before, after, more ? std::optional(last) : std::nullopt, &piece);
    if (done || piece.size() >= door.options.piece_bytes) {
      // A body without its proper end tells the client that this is not all.
      if (!MayGoOn(door, request, before, after, begun)) co_return;
      const Status written = co_await writer.Write(std::exchange(piece, std::string()));
      if (!written.ok()) co_return;
    }
    if (done) break;
    at = *next;
    co_await NextTurn();
  }
  (void)co_await writer.End();
}

void NoteFreshness(const OpenView& open, http::Headers* headers) {
  const auto freshness = open.headers.Find("X-Fustor-Freshness");
  if (freshness && !headers->Find("X-Fustor-Freshness")) {
    headers->Add("X-Fustor-Freshness", std::string(*freshness));
  }
}

env::Task<std::optional<Side>> PinSide(const OpenView& open, http::Headers* headers,
                                       http::ResponseWriter& writer) {
  Side side;
  side.view = open.view;
  if (!open.status->ready) side.freshness = "stale";
  side.snapshot = co_await PinFor(open, writer);
  if (!side.snapshot) co_return std::nullopt;
  NoteFreshness(open, headers);
  co_return std::optional<Side>(std::move(side));
}

// The newest checkpoint that was written at `time` or before. Errors also: kNotFound.
env::Task<Result<Side>> LoadSide(const OpenView& open, WallTime time) {
  Result<std::vector<CheckpointFile>> files = co_await open.view->ListCheckpoints();
  if (files.status().code() == Code::kUnimplemented) {
    co_return Status(Code::kNotFound, files.status().message());
  }
  if (!files.ok()) co_return files.status();
  for (const CheckpointFile& file : *files) {
    if (file.written_at > time) continue;
    FUSTOR_CO_TRY_ASSIGN(std::shared_ptr<const LoadedCheckpoint> loaded,
                         co_await open.view->LoadCheckpoint(file.number));
    FUSTOR_CO_TRY_ASSIGN(tree::Snapshot snapshot, loaded->tree.Pin());
    Side side;
    side.view = open.view;
    side.freshness = "checkpoint";
    side.written_at = file.written_at;
    side.loaded = std::move(loaded);
    side.snapshot.emplace(std::move(snapshot));
    co_return side;
  }
  std::string oldest = files->empty() ? "there is none yet"
                                      : "the oldest is of " + FormatUtc(files->back().written_at);
  co_return Status(Code::kNotFound, "View '" + open.view->id() + "' has no checkpoint of " +
                                        FormatUtc(time) + " or before; " + oldest);
}

// Both trees of a comparison.
struct Sides {
  Places::Place past;  // Taken when a checkpoint is in memory; goes after it.
  std::optional<Side> before, after;
};

// Of two views; an answer has been given when one of them is missing.
env::Task<void> OpenViews(const ViewDoor& door, const http::Request& request,
                          const DiffQuery& query, const OpenView& open, Sides* sides,
                          http::Headers* headers, http::ResponseWriter& writer) {
  const std::optional<OpenView> other =
      co_await OpenOther(door, request, query.with, writer, Need::kReady);
  if (!other) co_return;
  sides->before = co_await PinSide(open, headers, writer);
  if (sides->before) sides->after = co_await PinSide(*other, headers, writer);
}

// The same of two times.
env::Task<void> OpenTimes(const ViewDoor& door, const DiffQuery& query, const OpenView& open,
                          Sides* sides, http::Headers* headers, http::ResponseWriter& writer) {
  sides->past = door.past_diffs.Take();
  if (sides->past == nullptr) {
    co_await AnswerTooManyLong(writer);
    co_return;
  }
  Result<Side> before = co_await LoadSide(open, WallTime{*query.from_ns});
  if (!before.ok()) {
    (void)co_await http::SendFailure(writer, before.status());
    co_return;
  }
  sides->before.emplace(*std::move(before));
  if (!query.to_ns) {
    sides->after = co_await PinSide(open, headers, writer);
    co_return;
  }
  Result<Side> after = co_await LoadSide(open, WallTime{*query.to_ns});
  if (!after.ok()) {
    (void)co_await http::SendFailure(writer, after.status());
    co_return;
  }
  sides->after.emplace(*std::move(after));
}

bool IsIn(const Side& side, std::string_view path) { return side.snapshot->Find(path).has_value(); }

}  // namespace

env::Task<void> AnswerDiff(const ViewDoor& door, http::Request& request,
                           http::ResponseWriter& writer) {
  // Two checkpoints do not need the view.
  const Need need = request.Query("to") || request.Query("to_ns") ? Need::kAnyState : Need::kReady;
  DiffQuery query;
  const auto read = [&](BadParameter* bad) { return ParseDiffQuery(request, &query, bad); };
  const std::optional<OpenView> open = co_await OpenAndRead(door, request, writer, need, read);
  if (!open) co_return;
  const Places::Place place = door.long_answers.Take();
  if (place == nullptr) {
    co_await AnswerTooManyLong(writer);
    co_return;
  }
  http::Headers headers;
  headers.Add("Content-Type", "application/x-ndjson");
  Sides sides;
  if (query.with.empty()) {
    co_await OpenTimes(door, query, *open, &sides, &headers, writer);
  } else {
    co_await OpenViews(door, request, query, *open, &sides, &headers, writer);
  }
  if (!sides.before || !sides.after) co_return;
  const std::string_view path = query.options.under;
  if (!IsIn(*sides.before, path) && !IsIn(*sides.after, path)) {
    sides = {};
    (void)co_await http::SendDetail(writer, 404,
                                    "Path '" + PrintablePath(path) + "' is in neither of the two");
    co_return;
  }
  const Status started = co_await writer.Start(200, std::move(headers));
  if (!started.ok()) co_return;
  if (request.method == "HEAD") {
    (void)co_await writer.End();
    co_return;
  }
  co_await WriteDifferences(door, request, query, *sides.before, *sides.after, writer);
}

}  // namespace fustor::fusion
