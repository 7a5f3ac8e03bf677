// parameters.h: what a request for a view may say, checked once and for all.
//
// Pure. Every failure names the parameter: it becomes 422
// {"detail":[{"loc":["query",NAME],"msg":TEXT,"type":"value_error"}]}, as clients of the original
// expect it. Unknown parameters are ignored.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/http/http.h"
#include "lib/tree/diff.h"
#include "lib/tree/ranking.h"
#include "lib/tree/search.h"
#include "svc/fusion/core/feed.h"
#include "svc/fusion/wire/export_writer.h"

namespace fustor::fusion {

// A parameter that cannot be understood.
struct BadParameter {
  std::string name;
  std::string text;
};
std::string BadParameterJson(const BadParameter& bad);

// A cursor says where a page ended: the revision that was read and the last name (listing) or path
// (search). Entries keep their order at every revision, so the next page begins right behind it and
// neither repeats nor skips what was there all the time, whatever changed in between. Opaque to
// clients; safe in a URL.
struct Cursor {
  std::uint64_t revision = 0;
  std::string last;

  std::string Text() const;
  static std::optional<Cursor> Parse(std::string_view text);
};

// What a cursor holds of a place in an order that is not that of paths: "-size:17:/a/b".
std::string RankText(const tree::SortOrder& order, const tree::Rank& rank);
// nullopt: it is none, or one of another order.
std::optional<tree::Rank> ParseRank(const tree::SortOrder& order, std::string_view text);

// path, name, size, allocated, mtime, ctime, atime; with a minus: downwards. nullopt: none of them.
std::optional<tree::SortOrder> ParseSortOrder(std::string_view text);
std::string SortOrderText(const tree::SortOrder& order);

// A longer pattern of a search is refused: looking for it costs more than it can be worth.
inline constexpr std::size_t kPatternBytesMax = 4096;

struct PageLimits {
  std::uint64_t items_default = 1000;
  std::uint64_t items_max = 10'000;  // A larger limit is cut down to it.
};

struct TreeQuery {
  std::string path = "/";
  std::optional<std::uint32_t> depth_max;  // nullopt: all.
  bool no_children = false;                // recursive=false alone: children is there and empty.
  bool only_path = false;
  bool totals = false;
  bool dry_run = false;
  bool envelope = false;
  bool on_demand_scan = false;  // Agents are asked to look at `path`.
  bool recursive = true;        // With it: also at what is below.
  bool keyed_children = false;  // Of the route, not of the request: children by their names.
  // The page form: the children of one directory, `limit` at a time.
  std::optional<std::uint64_t> limit;
  std::string after;  // From the cursor; "": from the start.
};

struct SearchPageQuery {
  tree::SearchQuery search;
  bool bare = true;  // Only `pattern` was given: the answer is a plain list.
  std::uint64_t limit = 0;
  tree::SortOrder sort;
  std::string after;                     // In path order.
  std::optional<tree::Rank> after_rank;  // In any other order.
  bool totals = false;
  bool only_path = false;
  bool envelope = false;
};

struct ExportQuery {
  tree::SearchQuery search;
  ExportFormat format = ExportFormat::kNdjson;
  std::vector<ExportColumn> columns;  // Each once, at least one.
  bool for_spreadsheets = false;
};

struct DiffQuery {
  std::string with;  // The other view. Empty: the view itself then, `from` is there.
  std::optional<std::int64_t> from_ns, to_ns;  // Of checkpoints; without `to` it is now.
  tree::DiffOptions options;
  std::optional<std::uint64_t> limit;  // nullopt: all.
  std::string after;                   // From the cursor; "": from the start.
};

struct ChangesQuery {
  std::vector<std::string> paths;     // None: everything.
  std::optional<FeedPosition> since;  // Header Last-Event-ID, else parameter `since`.
};

// POST .../jobs
struct JobQuery {
  std::string path = "/";
  bool recursive = true;
};

struct StatsQuery {
  std::optional<std::string> path;
  bool envelope = false;
};

// False: *bad says why; *query is then not to be used.
bool ParseTreeQuery(const http::Request& request, const PageLimits& limits, TreeQuery* query,
                    BadParameter* bad);
bool ParseSearchQuery(const http::Request& request, const PageLimits& limits,
                      SearchPageQuery* query, BadParameter* bad);
bool ParseExportQuery(const http::Request& request, ExportQuery* query, BadParameter* bad);
bool ParseDiffQuery(const http::Request& request, DiffQuery* query, BadParameter* bad);
bool ParseChangesQuery(const http::Request& request, ChangesQuery* query, BadParameter* bad);
bool ParseStatsQuery(const http::Request& request, StatsQuery* query, BadParameter* bad);
bool ParseJobQuery(const http::Request& request, JobQuery* query, BadParameter* bad);
// The parameter `envelope` alone.
bool ParseEnvelope(const http::Request& request, bool* envelope, BadParameter* bad);

}  // namespace fustor::fusion
