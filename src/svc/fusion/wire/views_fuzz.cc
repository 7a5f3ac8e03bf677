// Feeds arbitrary request lines to the routes of views and of a forest: parameters, predicates,
// cursors, positions in the feed.
//
// The input is lines, each a request: its target, with "POST " or "DELETE " before it if it is no
// GET. A target that does not begin with '/' is a parameter's value alone.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/json/parse.h"
#include "base/check.h"
#include "base/fuzz_testing.h"
#include "env/hand_driven_testing.h"
#include "env/task_group.h"
#include "lib/http/text.h"
#include "lib/tree/search.h"
#include "svc/fusion/wire/fakes_testing.h"
#include "svc/fusion/wire/parameters.h"
#include "svc/fusion/wire/question_parameters.h"
#include "svc/fusion/wire/views.h"

namespace fustor::fusion {
namespace {

constexpr PageLimits kLimits;

void Fill(FakeView* view) {
  for (const char* path : {"/a", "/d/b.txt", "/d/c\xff", "/d/e/f", "/d/e/g", "/d-", "/z"}) {
    view->PutFile(path, path[1]);
  }
  view->Put("/d/link", EntryKind::kSymlink, 3, "../a");
  view->Put("/empty", EntryKind::kDirectory, 0);
  view->Put("/o", EntryKind::kOther, 0);
  view->tree_.Publish();
}

// View "v", and forest "f" of "f:1" and "f:2", of which the second is not ready.
struct World {
  World() {
    for (const char* id : {"v", "f:1", "f:2"}) {
      views.views_.push_back(std::make_shared<FakeView>(id));
      Fill(views.views_.back().get());
    }
    views.views_[2]->status_.ready = views.views_[2]->status_.was_ready_once = false;
    views.views_[2]->status_.not_ready_reason = "No active leader session.";
    views.forests_["f"] = {"f:1", "f:2"};
    ViewSet::Access access;
    access.known = true;
    access.views = {"v", "f", "f:1", "f:2"};
    views.keys_["k"] = access;
    ViewRoutesOptions options;
    options.page_items_default = 3;
    options.one_revision_bytes = 700;
    options.piece_bytes = 300;
    AddViewRoutes(router, views, options, clock);
  }

  FakeClock clock;
  FakeViewSet views;
  http::Router router;
  env::HandDrivenExecutor hand;
};

void CheckLines(std::string_view body) {
  while (!body.empty()) {
    const std::size_t end = body.find('\n');
    FUSTOR_CHECK(end != std::string_view::npos && json::Parse(body.substr(0, end)).ok(), body);
    body.remove_prefix(end + 1);
  }
}

void Ask(World& world, std::string_view method, const http::Target& target) {
  http::Request request;
  request.method = method;
  request.path = target.path;
  request.query = target.query;
  request.headers.Add("X-API-Key", "k");
  const http::Router::Match match = world.router.Find(method, request.path);
  if (match.handler == nullptr) return;
  request.path_parameters = match.parameters;
  FakeWriter writer;
  {
    env::TaskGroup group(world.hand);
    group.Spawn((*match.handler)(request, writer));
    world.hand.RunAll();
    FUSTOR_CHECK(writer.ended_, "no answer, or half of one");
  }
  FUSTOR_CHECK(writer.status_ >= 200 && writer.status_ < 600 && writer.status_ != 500);
  if (writer.status_ == 204) return;
  const std::string_view type = writer.headers_.Find("Content-Type").value_or("");
  if (type == "application/x-ndjson") {
    CheckLines(writer.body_);
  } else if (type == "application/json") {
    FUSTOR_CHECK(json::Parse(writer.body_).ok(), writer.body_);
  }
}

std::string Parameter(std::string_view name, std::string_view value) {
  return "&" + std::string(name) + "=" + http::PercentEncode(value);
}
template <class T>
std::string Parameter(std::string_view name, const std::optional<T>& value) {
  return value ? Parameter(name, std::to_string(*value)) : "";
}
std::string Flag(std::string_view name, bool value) {
  return Parameter(name, value ? "true" : "false");
}

http::Request RequestOf(std::string_view query) {
  http::Request request;
  request.query = http::ParseQuery(query).value();
  return request;
}

void CheckTree(const http::Request& request) {
  TreeQuery q;
  BadParameter bad;
  if (!ParseTreeQuery(request, kLimits, &q, &bad)) {
    FUSTOR_CHECK(!bad.name.empty() && json::Parse(BadParameterJson(bad)).ok());
    return;
  }
  FUSTOR_CHECK(IsNormalViewPath(q.path));
  FUSTOR_CHECK(!q.limit || (*q.limit >= 1 && *q.limit <= kLimits.items_max));
  const std::string printed =
      Parameter("path", q.path) + Parameter("max_depth", q.depth_max) +
      Parameter("limit", q.limit) + Flag("only_path", q.only_path) + Flag("totals", q.totals) +
      Flag("dry_run", q.dry_run) + Flag("envelope", q.envelope) +
      Flag("on_demand_scan", q.on_demand_scan) + Flag("recursive", q.recursive) +
      (q.after.empty() ? "" : Parameter("cursor", Cursor{1, q.after}.Text()));
  TreeQuery p;
  FUSTOR_CHECK(ParseTreeQuery(RequestOf(printed), kLimits, &p, &bad), bad.text);
  FUSTOR_CHECK(p.path == q.path && p.depth_max == q.depth_max && p.limit == q.limit &&
               p.only_path == q.only_path && p.totals == q.totals && p.dry_run == q.dry_run &&
               p.envelope == q.envelope && p.on_demand_scan == q.on_demand_scan &&
               p.recursive == q.recursive && p.no_children == q.no_children && p.after == q.after);
}

bool Same(const tree::SearchQuery& a, const tree::SearchQuery& b) {
  return a.under == b.under && a.pattern == b.pattern && a.files == b.files &&
         a.directories == b.directories && a.kind == b.kind &&
         a.size_min_bytes == b.size_min_bytes && a.size_max_bytes == b.size_max_bytes &&
         a.mtime_min_ns == b.mtime_min_ns && a.mtime_max_ns == b.mtime_max_ns &&
         a.ctime_min_ns == b.ctime_min_ns && a.ctime_max_ns == b.ctime_max_ns &&
         a.atime_min_ns == b.atime_min_ns && a.atime_max_ns == b.atime_max_ns &&
         a.depth_max == b.depth_max && a.depth_min == b.depth_min && a.uids == b.uids &&
         a.gids == b.gids && a.links_min == b.links_min && a.extensions == b.extensions &&
         a.marks_any == b.marks_any && a.marks_none == b.marks_none;
}

template <class Items, class Text>
std::string List(std::string_view name, const Items& items, const Text& text) {
  std::string list;
  for (const auto& item : items) list += (list.empty() ? "" : ",") + text(item);
  return list.empty() ? "" : Parameter(name, list);
}
std::string Numbers(std::string_view name, const std::vector<std::uint32_t>& numbers) {
  return List(name, numbers, [](std::uint32_t n) { return std::to_string(n); });
}
std::string Marks(std::string_view name, std::uint8_t marks) {
  static constexpr std::pair<std::uint8_t, const char*> kNames[] = {
      {tree::kMarkSuspect, "suspect"},
      {tree::kMarkAgentMissing, "agent_missing"},
      {tree::kMarkAuditSkipped, "audit_skipped"},
      {tree::kMarkImplied, "implied"},
      {tree::kMarkUncertain, "uncertain"},
      {tree::kMarkAuditOnly, "audit_only"}};
  std::vector<std::string> names;
  for (const auto& [mark, mark_name] : kNames) {
    if ((marks & mark) != 0) names.emplace_back(mark_name);
  }
  return List(name, names, [](const std::string& text) { return text; });
}

// All but regex and mode, whose texts are not kept.
std::string Printed(const tree::SearchQuery& s) {
  return Parameter("pattern", s.pattern) + Parameter("under", s.under) +
         Parameter("size_min", s.size_min_bytes) + Parameter("size_max", s.size_max_bytes) +
         Parameter("mtime_min_ns", s.mtime_min_ns) + Parameter("mtime_max_ns", s.mtime_max_ns) +
         Parameter("ctime_min_ns", s.ctime_min_ns) + Parameter("ctime_max_ns", s.ctime_max_ns) +
         Parameter("atime_min_ns", s.atime_min_ns) + Parameter("atime_max_ns", s.atime_max_ns) +
         Parameter("min_depth", std::to_string(s.depth_min)) +
         Parameter("max_depth", std::to_string(s.depth_max)) +
         Parameter("links_min", std::to_string(s.links_min)) + Numbers("uid", s.uids) +
         Numbers("gid", s.gids) + Marks("flags", s.marks_any) + Marks("not_flags", s.marks_none) +
         List("ext", s.extensions, [](const std::string& text) { return "." + text; });
}

std::string TypeOf(const tree::SearchQuery& search) {
  if (!search.kind) return search.directories ? "any" : "";
  static constexpr const char* kNames[] = {"file", "directory", "symlink", "other"};
  return kNames[static_cast<std::size_t>(*search.kind)];
}

// A search in slices finds what one run finds, in order, each once.
void CheckSlices(const tree::Snapshot& snapshot, const tree::SearchQuery& search) {
  std::vector<std::string> whole;
  const auto add_to = [](std::vector<std::string>& list) {
    return [&list](std::string_view path, const tree::Snapshot::Row&) {
      list.emplace_back(path);
      return true;
    };
  };
  FUSTOR_CHECK(!tree::Search(snapshot, search, "", UINT64_MAX, add_to(whole)));
  for (const std::uint64_t budget : {1, 3}) {
    std::vector<std::string> sliced;
    std::string after;
    for (int slices = 0;; ++slices) {
      FUSTOR_CHECK(slices < 1000, "it does not come to an end");
      const auto next = tree::Search(snapshot, search, after, budget, add_to(sliced));
      if (!next) break;
      after = *next;
    }
    FUSTOR_CHECK(sliced == whole);
  }
}

void CheckSearch(const http::Request& request, const FakeView& view) {
  SearchPageQuery q;
  BadParameter bad;
  if (!ParseSearchQuery(request, kLimits, &q, &bad)) {
    FUSTOR_CHECK(!bad.name.empty() && json::Parse(BadParameterJson(bad)).ok());
    return;
  }
  const tree::SearchQuery& s = q.search;
  FUSTOR_CHECK(IsNormalViewPath(s.under) && q.limit >= 1 && q.limit <= kLimits.items_max);
  const std::string type = TypeOf(s);
  const std::string printed =
      Printed(s) + (type.empty() ? "" : Parameter("type", type)) +
      Parameter("limit", std::to_string(q.limit)) + Flag("only_path", q.only_path) +
      Flag("totals", q.totals) + Flag("envelope", q.envelope) +
      Parameter("sort", SortOrderText(q.sort)) +
      (q.after.empty() ? "" : Parameter("cursor", Cursor{7, q.after}.Text())) +
      (q.after_rank ? Parameter("cursor", Cursor{7, RankText(q.sort, *q.after_rank)}.Text()) : "");
  SearchPageQuery p;
  FUSTOR_CHECK(ParseSearchQuery(RequestOf(printed), kLimits, &p, &bad), bad.text);
  FUSTOR_CHECK(Same(p.search, s) && p.limit == q.limit && p.after == q.after && !p.bare &&
               p.sort == q.sort && p.after_rank == q.after_rank && p.only_path == q.only_path &&
               p.totals == q.totals && p.envelope == q.envelope);
  CheckSlices(view.tree_.Pin().value(), s);
}

void CheckQuestions(const http::Request& request) {
  BadParameter bad;
  GroupsQuery groups;
  if (ParseGroupsQuery(request, kLimits, &groups, &bad)) {
    FUSTOR_CHECK(!groups.by.empty() && groups.by.size() <= tree::Grouping::kDimensionsMax);
    FUSTOR_CHECK(groups.limit >= 1 && groups.limit <= kLimits.items_max);
  }
  TopQuery top;
  if (ParseTopQuery(request, kLimits, &top, &bad)) {
    FUSTOR_CHECK(top.limit >= 1 && top.limit <= kLimits.items_max);
    FUSTOR_CHECK(top.directories || (!top.own && !top.search.directories));
  }
  DuplicatesQuery duplicates;
  if (ParseDuplicatesQuery(request, &duplicates, &bad)) {
    FUSTOR_CHECK(duplicates.limit <= DuplicatesQuery::kGroupsMax &&
                 duplicates.files <= DuplicatesQuery::kFilesMax);
  }
}

void CheckExport(const http::Request& request) {
  ExportQuery q;
  BadParameter bad;
  if (!ParseExportQuery(request, &q, &bad)) {
    FUSTOR_CHECK(!bad.name.empty() && json::Parse(BadParameterJson(bad)).ok());
    return;
  }
  std::string columns;
  for (const ExportColumn column : q.columns) {
    columns += (columns.empty() ? "" : ",") + std::string(NameOf(column));
  }
  FUSTOR_CHECK(IsNormalViewPath(q.search.under) && !columns.empty());
  const std::string printed = Parameter("format", NameOf(q.format)) +
                              Parameter("columns", columns) +
                              Flag("spreadsheet", q.for_spreadsheets);
  ExportQuery p;
  FUSTOR_CHECK(ParseExportQuery(RequestOf(printed), &p, &bad), bad.text);
  FUSTOR_CHECK(p.format == q.format && p.columns == q.columns &&
               p.for_spreadsheets == q.for_spreadsheets);
}

void CheckOthers(const http::Request& request) {
  CheckExport(request);
  CheckQuestions(request);
  BadParameter bad;
  DiffQuery diff;
  if (ParseDiffQuery(request, &diff, &bad)) {
    FUSTOR_CHECK(IsNormalViewPath(diff.options.under) && diff.limit.value_or(1) > 0);
    FUSTOR_CHECK(diff.after.empty() || IsNormalViewPath(diff.after));
  }
  ChangesQuery changes;
  if (ParseChangesQuery(request, &changes, &bad)) {
    std::string printed;
    for (const std::string& path : changes.paths) printed += Parameter("path", path);
    if (changes.since) printed += Parameter("since", changes.since->Text());
    ChangesQuery again;
    FUSTOR_CHECK(ParseChangesQuery(RequestOf(printed), &again, &bad), bad.text);
    FUSTOR_CHECK(again.paths == changes.paths && again.since == changes.since);
  }
  StatsQuery stats;
  if (ParseStatsQuery(request, &stats, &bad)) {
    FUSTOR_CHECK(!stats.path || IsNormalViewPath(*stats.path));
  }
  JobQuery job;
  if (ParseJobQuery(request, &job, &bad)) FUSTOR_CHECK(IsNormalViewPath(job.path));
}

void CheckValue(std::string_view text) {
  if (const auto cursor = Cursor::Parse(text)) {
    const auto again = Cursor::Parse(cursor->Text());
    FUSTOR_CHECK(again && again->revision == cursor->revision && again->last == cursor->last);
  }
  if (const auto position = FeedPosition::Parse(text)) {
    FUSTOR_CHECK(FeedPosition::Parse(position->Text()) == position);
  }
}

void CheckLine(World& world, std::string_view line) {
  std::string_view method = "GET";
  for (const std::string_view other : {"POST", "DELETE", "HEAD"}) {
    if (!line.starts_with(std::string(other) + " ")) continue;
    method = other;
    line.remove_prefix(other.size() + 1);
  }
  if (!line.starts_with('/')) return CheckValue(line);
  const Result<http::Target> target = http::ParseTarget(line);
  if (!target.ok()) return;
  http::Request request;
  request.query = target->query;
  CheckTree(request);
  CheckSearch(request, *world.views.views_[0]);
  CheckOthers(request);
  Ask(world, method, *target);
  // The routes of views without their long beginning.
  Ask(world, method, {"/api/v1/views" + target->path, target->query});
}

}  // namespace
}  // namespace fustor::fusion

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fustor::fusion::World& world = *new fustor::fusion::World;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const std::string_view line : fustor::FuzzLines(bytes, 4)) {
    fustor::fusion::CheckLine(world, line);
  }
  return 0;
}
