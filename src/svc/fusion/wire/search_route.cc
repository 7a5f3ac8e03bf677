#include <algorithm>

#include "base/path.h"
#include "lib/http/answers.h"
#include "lib/tree/ranking.h"
#include "lib/tree/search.h"
#include "svc/fusion/wire/node_json.h"
#include "svc/fusion/wire/predicates.h"
#include "svc/fusion/wire/routes.h"

namespace fustor::fusion {
namespace {

// Appends what a search finds as nodes with commas between.
class Hits {
 public:
  Hits(const NodeJson& json, std::string* out) : json_(json), out_(out) {}

  void Add(const tree::Snapshot& snapshot, std::string_view path, const tree::Snapshot::Row& row) {
    Add(snapshot, path, row.Load());
  }
  void Add(const tree::Snapshot& snapshot, std::string_view path, const tree::Entry& entry) {
    const auto [directory, name] = SplitPath(path);
    // Hits of one directory come one after the other: its path is prepared once.
    if (directory != directory_) {
      directory_ = directory;
      parent_ = NodeJson::MakeParent(directory);
    }
    if (count_++ > 0) *out_ += ',';
    json_.AppendOpen(parent_, name, entry, snapshot, out_);
    *out_ += '}';
  }
  std::uint64_t count() const { return count_; }

 private:
  const NodeJson& json_;
  std::string* out_;
  std::uint64_t count_ = 0;
  std::string directory_;
  NodeJson::Parent parent_;
};

// Whether more entries match than one answer may hold. Costs nothing when there are not so many
// files; else they are counted, a slice at a time.
env::Task<bool> FindsTooMany(const ViewDoor& door, const SearchPageQuery& query,
                             const tree::Snapshot& snapshot) {
  const std::uint64_t max = door.options.max_response_items;
  if (snapshot.AggregatesOf(tree::kRoot).files <= max) co_return false;
  std::uint64_t count = 0;
  std::string after;
  Slices slices(door.clock, door.options.slice);
  for (;;) {
    const std::optional<std::string> next =
        tree::Search(snapshot, query.search, after, slices.Begin(),
                     [&](std::string_view, const tree::Snapshot::Row&) { return ++count <= max; });
    slices.End();
    if (count > max) co_return true;
    if (!next) co_return false;
    after = *next;
    co_await NextTurn();
  }
}

env::Task<void> AnswerList(const ViewDoor& door, const OpenView& open, const SearchPageQuery& query,
                           tree::Snapshot pinned, http::ResponseWriter& writer) {
  std::optional<tree::Snapshot> snapshot(std::move(pinned));
  tree::Revision revision = snapshot->revision();
  const NodeJson json({query.only_path, query.totals}, open.status);
  Body body(writer, open.headers, door.options);
  BeginEnvelope(query.envelope, &body.text());
  body.text() += '[';
  Hits hits(json, &body.text());
  Slices slices(door.clock, door.options.slice);
  std::string after;
  for (;;) {
    const std::optional<std::string> next =
        tree::Search(*snapshot, query.search, after, slices.Begin(),
                     [&](std::string_view path, const tree::Snapshot::Row& row) {
                       hits.Add(*snapshot, path, row);
                       return !body.full();
                     });
    slices.End();
    if (!next) break;
    after = *next;
    if (!body.full()) {
      co_await NextTurn();
      continue;
    }
    snapshot.reset();
    const Status flushed = co_await body.Flush();
    if (!flushed.ok()) co_return;
    Result<tree::Snapshot> again = open.view->Pin();
    if (!again.ok()) co_return;
    snapshot.emplace(std::move(again).value());
    revision = snapshot->revision();
  }
  snapshot.reset();
  body.text() += ']';
  EndEnvelope(query.envelope, door, open, query.search.under, revision, &body.text());
  (void)co_await body.Finish();
}

env::Task<void> AnswerPage(const ViewDoor& door, const OpenView& open, const SearchPageQuery& query,
                           tree::Snapshot snapshot, http::ResponseWriter& writer) {
  const NodeJson json({query.only_path, query.totals}, open.status);
  std::string out;
  BeginEnvelope(query.envelope, &out);
  out += "{\"items\":[";
  Hits hits(json, &out);
  Slices slices(door.clock, door.options.slice);
  std::string after = query.after;
  std::string last_hit;
  std::optional<std::string> next;
  std::uint64_t rows_seen = 0;
  bool over = false;
  for (;;) {
    const std::uint64_t rows = slices.Begin();
    next = tree::Search(snapshot, query.search, after, rows,
                        [&](std::string_view path, const tree::Snapshot::Row& row) {
                          // One more than the page holds shows that there is a next one.
                          over = hits.count() == query.limit;
                          if (over) return false;
                          hits.Add(snapshot, path, row);
                          last_hit = path;
                          return true;
                        });
    slices.End();
    rows_seen += rows;
    if (!next || over || rows_seen >= door.options.page_rows_max) break;
    after = *next;
    co_await NextTurn();
  }
  if (over) next = last_hit;
  out += "],\"next\":";
  out += next ? '"' + Cursor{snapshot.revision(), *next}.Text() + '"' : "null";
  const tree::Revision revision = snapshot.revision();
  out += ",\"revision\":" + std::to_string(revision) + "}";
  EndEnvelope(query.envelope, door, open, query.search.under, revision, &out);
  {
    const tree::Snapshot done = std::move(snapshot);
  }
  (void)co_await writer.Send(200, open.headers, std::move(out));
}

// A page in another order: everything that matches is looked at, the first are kept.
env::Task<void> AnswerSortedPage(const ViewDoor& door, const OpenView& open,
                                 const SearchPageQuery& query, tree::Snapshot pinned,
                                 http::ResponseWriter& writer) {
  std::optional<tree::Snapshot> snapshot(std::move(pinned));
  const tree::Revision revision = snapshot->revision();
  tree::Ranking ranking(query.sort, query.limit, query.after_rank);
  const VisitMatch rank = [&ranking](std::string_view path, const tree::Snapshot::Row& row) {
    ranking.Add(path, row);
  };
  co_await WalkMatches(door, *snapshot, query.search, rank);
  const std::vector<tree::Rank> first = ranking.Take();

  const NodeJson json({query.only_path, query.totals}, open.status);
  std::string out;
  BeginEnvelope(query.envelope, &out);
  out += "{\"items\":[";
  Hits hits(json, &out);
  constexpr std::uint64_t kItemsPerTurn = 200;
  for (const tree::Rank& one : first) {
    hits.Add(*snapshot, one.path, snapshot->Find(one.path).value());
    if (hits.count() % kItemsPerTurn == 0) co_await NextTurn();
  }
  snapshot.reset();
  out += "],\"next\":";
  out += ranking.more() ? '"' + Cursor{revision, RankText(query.sort, first.back())}.Text() + '"'
                        : "null";
  out += ",\"revision\":" + std::to_string(revision) + "}";
  EndEnvelope(query.envelope, door, open, query.search.under, revision, &out);
  (void)co_await writer.Send(200, open.headers, std::move(out));
}

}  // namespace

env::Task<void> AnswerSearch(const ViewDoor& door, http::Request& request,
                             http::ResponseWriter& writer) {
  SearchPageQuery query;
  const auto read = [&](BadParameter* bad) {
    return ParseSearchQuery(request, door.page_limits(), &query, bad);
  };
  const std::optional<OpenView> open =
      co_await OpenAndRead(door, request, writer, Need::kReady, read);
  if (!open) co_return;
  AddSubtrees(*open->status, &query.search);
  std::optional<tree::Snapshot> snapshot = co_await PinFor(*open, writer);
  if (!snapshot) co_return;
  if (query.sort != tree::SortOrder()) {
    co_await AnswerSortedPage(door, *open, query, *std::move(snapshot), writer);
    co_return;
  }
  if (!query.bare) {
    co_await AnswerPage(door, *open, query, *std::move(snapshot), writer);
    co_return;
  }
  const bool too_many = co_await FindsTooMany(door, query, *snapshot);
  if (too_many) {
    snapshot.reset();
    (void)co_await http::SendDetail(
        writer, 400,
        "More than " + std::to_string(door.options.max_response_items) +
            " entries match. Ask page by page with limit and cursor, or "
            "narrow the search with under, type, size_min, mtime_min.");
    co_return;
  }
  co_await AnswerList(door, *open, query, *std::move(snapshot), writer);
}

}  // namespace fustor::fusion
