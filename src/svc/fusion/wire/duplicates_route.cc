// GET /views/{view}/duplicates

#include <algorithm>
#include <utility>

#include "svc/fusion/wire/node_json.h"
#include "svc/fusion/wire/predicates.h"
#include "svc/fusion/wire/question_parameters.h"
#include "svc/fusion/wire/routes.h"

namespace fustor::fusion {
namespace {

using Groups = std::vector<tree::DuplicateSearch::Group>;

// Appends the groups; of all together at most items_max files are shown.
env::Task<void> AppendGroups(const ViewDoor& door, const DuplicatesQuery& query,
                             const Groups& groups, const NodeJson& nodes,
                             const tree::Snapshot& snapshot, std::string* out) {
  std::uint64_t left = door.options.page_items_max;
  bool first = true;
  for (const tree::DuplicateSearch::Group& group : groups) {
    if (!std::exchange(first, false)) *out += ',';
    JsonWriter json(out);
    json.BeginObject().Key("size").Int(group.size_bytes);
    if (query.same_name) json.Key("name").String(group.name);
    if (query.same_mtime) json.Key("modified_time_ns").Int(group.mtime_ns);
    json.Key("count").Uint(group.count);
    json.Key("reclaimable_size").Uint(group.reclaimable_bytes());
    json.Key("files").BeginArray();
    const std::uint64_t shown = std::min<std::uint64_t>(left, group.paths.size());
    left -= shown;
    for (std::uint64_t i = 0; i < shown; ++i) {
      std::string node;
      nodes.Append(group.paths[i], snapshot.Find(group.paths[i]).value(), snapshot, &node);
      json.Raw(node);
    }
    json.EndArray().Key("more_files").Uint(group.count - shown).EndObject();
    co_await NextTurn();
  }
}

}  // namespace

env::Task<void> AnswerDuplicates(const ViewDoor& door, http::Request& request,
                                 http::ResponseWriter& writer) {
  DuplicatesQuery query;
  const auto read = [&](BadParameter* bad) { return ParseDuplicatesQuery(request, &query, bad); };
  const std::optional<OpenView> open =
      co_await OpenAndRead(door, request, writer, Need::kReady, read);
  if (!open) co_return;
  AddSubtrees(*open->status, &query.search);
  std::optional<tree::Snapshot> snapshot = co_await PinFor(*open, writer);
  if (!snapshot) co_return;
  const tree::Revision revision = snapshot->revision();
  tree::DuplicateSearch::Options options;
  options.same_name = query.same_name;
  options.same_mtime = query.same_mtime;
  options.files_expected = snapshot->AggregatesOf(tree::kRoot).files;
  options.chosen_max = query.limit;
  options.paths_max = query.files;
  tree::DuplicateSearch search(options);
  const VisitMatch add = [&search](std::string_view path, const tree::Snapshot::Row& row) {
    search.Add(path, row);
  };
  for (int pass = 0; pass < tree::DuplicateSearch::kPasses; ++pass) {
    co_await WalkMatches(door, *snapshot, query.search, add);
    search.NextPass();
  }
  const Groups groups = search.Take();
  const NodeJson nodes({.only_path = query.only_path}, open->status);
  std::string out;
  BeginEnvelope(query.envelope, &out);
  out += "{\"groups\":[";
  co_await AppendGroups(door, query, groups, nodes, *snapshot, &out);
  snapshot.reset();
  out += "],\"group_count\":" + std::to_string(search.group_count());
  out += ",\"reclaimable_size\":" + std::to_string(search.reclaimable_bytes());
  out += search.truncated() ? ",\"truncated\":true" : ",\"truncated\":false";
  out += ",\"revision\":" + std::to_string(revision) + "}";
  EndEnvelope(query.envelope, door, *open, query.search.under, revision, &out);
  (void)co_await writer.Send(200, open->headers, std::move(out));
}

}  // namespace fustor::fusion
