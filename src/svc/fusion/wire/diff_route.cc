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
  bool stale = false;
  std::optional<tree::Snapshot> snapshot;
};

void WriteSide(const Side& side, JsonWriter* json) {
  json->BeginObject().Key("view_id").String(side.view->id());
  json->Key("revision").Uint(side.snapshot->revision());
  json->Key("freshness").String(side.stale ? "stale" : "live").EndObject();
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
                                 const DiffQuery& query, Side before, Side after,
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

env::Task<std::optional<Side>> OpenSide(const ViewDoor& door, const http::Request& request,
                                        std::string id, http::Headers* headers,
                                        http::ResponseWriter& writer) {
  const std::optional<OpenView> open =
      co_await OpenOther(door, request, std::move(id), writer, Need::kReady);
  if (!open) co_return std::nullopt;
  Side side;
  side.view = open->view;
  side.stale = !open->status->ready;
  side.snapshot = co_await PinFor(*open, writer);
  if (!side.snapshot) co_return std::nullopt;
  const auto freshness = open->headers.Find("X-Fustor-Freshness");
  if (freshness && !headers->Find("X-Fustor-Freshness")) {
    headers->Add("X-Fustor-Freshness", std::string(*freshness));
  }
  co_return std::optional<Side>(std::move(side));
}

bool IsIn(const Side& side, std::string_view path) { return side.snapshot->Find(path).has_value(); }

}  // namespace

env::Task<void> AnswerDiff(const ViewDoor& door, http::Request& request,
                           http::ResponseWriter& writer) {
  http::Headers headers;
  headers.Add("Content-Type", "application/x-ndjson");
  std::string id(request.PathParameter("view"));
  std::optional<Side> before = co_await OpenSide(door, request, std::move(id), &headers, writer);
  if (!before) co_return;
  DiffQuery query;
  BadParameter bad;
  if (!ParseDiffQuery(request, &query, &bad)) {
    co_await AnswerBadParameter(writer, bad);
    co_return;
  }
  const Places::Place place = door.long_answers.Take();
  if (place == nullptr) {
    co_await AnswerTooManyLong(writer);
    co_return;
  }
  std::optional<Side> after = co_await OpenSide(door, request, query.with, &headers, writer);
  if (!after) co_return;
  const std::string_view path = query.options.under;
  if (!IsIn(*before, path) && !IsIn(*after, path)) {
    before.reset();
    after.reset();
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
  co_await WriteDifferences(door, request, query, *std::move(before), *std::move(after), writer);
}

}  // namespace fustor::fusion
