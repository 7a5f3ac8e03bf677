// GET /views/{view}/top

#include <utility>

#include "base/path.h"
#include "svc/fusion/wire/node_json.h"
#include "svc/fusion/wire/predicates.h"
#include "svc/fusion/wire/question_parameters.h"
#include "svc/fusion/wire/routes.h"

namespace fustor::fusion {
namespace {

struct Ranked {
  std::vector<tree::Rank> first;
  bool more = false;
  bool links_exact = true;
};

env::Task<Ranked> RankFiles(const ViewDoor& door, const TopQuery& query,
                            const tree::Snapshot& snapshot) {
  const tree::SortKey key = query.by == tree::Measure::kMtime       ? tree::SortKey::kMtime
                            : query.by == tree::Measure::kAllocated ? tree::SortKey::kAllocated
                                                                    : tree::SortKey::kSize;
  tree::Ranking ranking({key, true}, query.limit, std::nullopt);
  const VisitMatch add = [&ranking](std::string_view path, const tree::Snapshot::Row& row) {
    ranking.Add(path, row);
  };
  co_await WalkMatches(door, snapshot, query.search, add);
  Ranked ranked;
  ranked.first = ranking.Take();
  ranked.more = ranking.more();
  co_return ranked;
}

env::Task<Ranked> RankDirectories(const ViewDoor& door, const TopQuery& query,
                                  const tree::Snapshot& snapshot) {
  tree::DirectoryRanking::Options options;
  options.measure = query.by;
  options.kind =
      query.own ? tree::DirectoryRanking::Kind::kOwn : tree::DirectoryRanking::Kind::kBelow;
  options.count_max = query.limit;
  tree::DirectoryRanking ranking(options);
  const VisitMatch add = [&](std::string_view path, const tree::Snapshot::Row& row) {
    if (query.own || path != query.search.under) ranking.Add(path, row, snapshot);
  };
  co_await WalkMatches(door, snapshot, query.search, add);
  Ranked ranked;
  ranked.first = ranking.Take();
  ranked.more = ranking.more();
  ranked.links_exact = ranking.links_exact();
  co_return ranked;
}

}  // namespace

env::Task<void> AnswerTop(const ViewDoor& door, http::Request& request,
                          http::ResponseWriter& writer) {
  TopQuery query;
  const auto read = [&](BadParameter* bad) {
    return ParseTopQuery(request, door.page_limits(), &query, bad);
  };
  const std::optional<OpenView> open =
      co_await OpenAndRead(door, request, writer, Need::kReady, read);
  if (!open) co_return;
  AddSubtrees(*open->status, &query.search);
  std::optional<tree::Snapshot> snapshot = co_await PinFor(*open, writer);
  if (!snapshot) co_return;
  const tree::Revision revision = snapshot->revision();
  Ranked ranked;
  if (query.directories) {
    ranked = co_await RankDirectories(door, query, *snapshot);
  } else {
    ranked = co_await RankFiles(door, query, *snapshot);
  }
  const NodeJson json({.only_path = query.only_path, .totals = true}, open->status);
  std::string out;
  BeginEnvelope(query.envelope, &out);
  out += query.directories ? R"({"of":"directories","by":")" : R"({"of":"files","by":")";
  out += MeasureName(query.by);
  out += query.own ? R"(","own":true,"items":[)" : R"(","own":false,"items":[)";
  std::uint64_t count = 0;
  constexpr std::uint64_t kItemsPerTurn = 200;
  for (const tree::Rank& rank : ranked.first) {
    const auto [directory, name] = SplitPath(rank.path);
    if (count++ > 0) out += ',';
    json.AppendOpen(NodeJson::MakeParent(directory.empty() ? "/" : directory), name,
                    snapshot->Find(rank.path).value(), *snapshot, &out);
    out += ",\"value\":" + std::to_string(rank.value) + "}";
    if (count % kItemsPerTurn == 0) co_await NextTurn();
  }
  snapshot.reset();
  out += ranked.more ? "],\"more\":true" : "],\"more\":false";
  out += ranked.links_exact ? ",\"links_exact\":true" : ",\"links_exact\":false";
  out += ",\"revision\":" + std::to_string(revision) + "}";
  EndEnvelope(query.envelope, door, *open, query.search.under, revision, &out);
  (void)co_await writer.Send(200, open->headers, std::move(out));
}

}  // namespace fustor::fusion
