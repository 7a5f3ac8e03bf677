#include "svc/fusion/wire/parameters.h"

#include <algorithm>
#include <charconv>

#include "base/base64.h"
#include "base/json_writer.h"
#include "base/path.h"
#include "svc/fusion/wire/difference_json.h"
#include "svc/fusion/wire/parameter_reader.h"
#include "svc/fusion/wire/predicates.h"

namespace fustor::fusion {
namespace {

using Reader = ParameterReader;

constexpr std::size_t kChangePathsMax = 100;

// Alphabet of URLs, without padding.
std::string UrlBase64(std::string_view bytes) {
  std::string text = Base64Encode(bytes);
  while (text.ends_with('=')) text.pop_back();
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text;
}

std::optional<std::string> FromUrlBase64(std::string_view text) {
  std::string plain(text);
  for (char& c : plain) {
    if (c == '+' || c == '/' || c == '=') return std::nullopt;
    c = c == '-' ? '+' : c == '_' ? '/' : c;
  }
  plain.append((4 - plain.size() % 4) % 4, '=');
  Result<std::string> bytes = Base64Decode(plain);
  if (!bytes.ok()) return std::nullopt;
  return *std::move(bytes);
}

constexpr std::pair<std::string_view, tree::SortKey> kSortKeys[] = {
    {"path", tree::SortKey::kPath},   {"name", tree::SortKey::kName},
    {"size", tree::SortKey::kSize},   {"allocated", tree::SortKey::kAllocated},
    {"mtime", tree::SortKey::kMtime}, {"ctime", tree::SortKey::kCtime},
    {"atime", tree::SortKey::kAtime},
};

}  // namespace

std::string BadParameterJson(const BadParameter& bad) {
  std::string out;
  JsonWriter json(&out);
  json.BeginObject().Key("detail").BeginArray().BeginObject();
  json.Key("loc").BeginArray().String("query").String(bad.name).EndArray();
  json.Key("msg").String(bad.name + " " + bad.text);
  json.Key("type").String("value_error");
  json.EndObject().EndArray().EndObject();
  return out;
}

std::string Cursor::Text() const { return std::to_string(revision) + "." + UrlBase64(last); }

std::optional<Cursor> Cursor::Parse(std::string_view text) {
  const std::size_t point = text.find('.');
  if (point == std::string_view::npos || text.size() > 4 * kPathBytesMax) return std::nullopt;
  Cursor cursor;
  const char* const digits = text.data();
  const auto [end, error] = std::from_chars(digits, digits + point, cursor.revision);
  if (error != std::errc() || end != digits + point) return std::nullopt;
  std::optional<std::string> last = FromUrlBase64(text.substr(point + 1));
  if (!last || last->find('\0') != std::string::npos) return std::nullopt;
  cursor.last = *std::move(last);
  return cursor;
}

std::optional<tree::SortOrder> ParseSortOrder(std::string_view text) {
  tree::SortOrder order;
  order.descending = text.starts_with('-');
  if (order.descending) text.remove_prefix(1);
  for (const auto& [name, key] : kSortKeys) {
    order.key = key;
    if (name == text) return order;
  }
  return std::nullopt;
}

std::string SortOrderText(const tree::SortOrder& order) {
  for (const auto& [name, key] : kSortKeys) {
    if (key == order.key) return (order.descending ? "-" : "") + std::string(name);
  }
  return "";
}

std::string RankText(const tree::SortOrder& order, const tree::Rank& rank) {
  return SortOrderText(order) + ":" + std::to_string(rank.value) + ":" + rank.path;
}

std::optional<tree::Rank> ParseRank(const tree::SortOrder& order, std::string_view text) {
  const std::string head = SortOrderText(order) + ":";
  if (!text.starts_with(head)) return std::nullopt;
  text.remove_prefix(head.size());
  tree::Rank rank;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rank.value);
  if (error != std::errc() || end == text.data() + text.size() || *end != ':') return std::nullopt;
  rank.path = text.substr(static_cast<std::size_t>(end - text.data()) + 1);
  if (!IsNormalViewPath(rank.path)) return std::nullopt;
  return rank;
}

bool ParseTreeQuery(const http::Request& request, const PageLimits& limits, TreeQuery* query,
                    BadParameter* bad) {
  Reader reader(request, bad);
  reader.Path("path", &query->path);
  reader.Bool("recursive", &query->recursive);
  bool old_name = false;
  reader.Bool("on_demand_scan", &query->on_demand_scan);
  reader.Bool("force-real-time", &old_name);
  query->on_demand_scan |= old_name;
  reader.Number<std::uint32_t>("max_depth", 0, UINT32_MAX, &query->depth_max);
  reader.Bool("only_path", &query->only_path);
  reader.Bool("totals", &query->totals);
  reader.Bool("dry_run", &query->dry_run);
  reader.Bool("envelope", &query->envelope);
  reader.Limit(limits, &query->limit);
  reader.After(&query->after);
  if (reader.Has("cursor") && !query->limit) query->limit = limits.items_default;
  if (query->limit && query->depth_max.value_or(1) != 1) {
    reader.Fail("limit", "pages through one directory: max_depth must be 1 or left out");
  }
  if (query->after.find('/') != std::string::npos) {
    reader.Fail("cursor", "is not one that an earlier answer gave as `next`");
  }
  if (query->limit) query->depth_max = 1;
  query->no_children = !query->recursive && !query->depth_max;
  return reader.ok();
}

bool ParseJobQuery(const http::Request& request, JobQuery* query, BadParameter* bad) {
  Reader reader(request, bad);
  reader.Path("path", &query->path);
  reader.Bool("recursive", &query->recursive);
  return reader.ok();
}

bool ParseSearchQuery(const http::Request& request, const PageLimits& limits,
                      SearchPageQuery* query, BadParameter* bad) {
  Reader reader(request, bad);
  query->search.directories = false;
  constexpr std::string_view kPaged[] = {"limit", "cursor", "only_path", "totals", "sort"};
  query->bare = !HasPredicates(request) && std::ranges::none_of(kPaged, [&](std::string_view name) {
    return reader.Has(name);
  });
  ReadPredicates(&reader, &query->search);
  reader.Bool("only_path", &query->only_path);
  reader.Bool("totals", &query->totals);
  reader.Bool("envelope", &query->envelope);
  std::optional<std::uint64_t> limit;
  reader.Limit(limits, &limit);
  query->limit = limit.value_or(limits.items_default);
  reader.Value("sort", [&](std::string_view text) -> Status {
    if (text.empty()) return {};
    const std::optional<tree::SortOrder> order = ParseSortOrder(text);
    if (order) query->sort = *order;
    if (order) return {};
    return Status(Code::kInvalidArgument,
                  "must be path, name, size, allocated, mtime, ctime or atime, with a minus before "
                  "it for descending order");
  });
  reader.After(&query->after);
  if (!query->after.empty() && query->sort != tree::SortOrder()) {
    query->after_rank = ParseRank(query->sort, query->after);
    query->after.clear();
    if (!query->after_rank) {
      reader.Fail("cursor", "is not one that an earlier answer in this order gave as `next`");
    }
  }
  if (!query->after.empty() && !IsNormalViewPath(query->after)) {
    reader.Fail("cursor", "is not one that an earlier answer gave as `next`");
  }
  if (!reader.Has("pattern") && query->bare) reader.Fail("pattern", "is missing");
  return reader.ok();
}

bool ParseExportQuery(const http::Request& request, ExportQuery* query, BadParameter* bad) {
  ParameterReader reader(request, bad);
  ReadPredicates(&reader, &query->search);
  std::string text;
  reader.Text("format", &text);
  const std::optional<ExportFormat> format = ParseExportFormat(text.empty() ? "ndjson" : text);
  if (!format) reader.Fail("format", "must be ndjson, csv or parquet");
  query->format = format.value_or(ExportFormat::kNdjson);
  std::string columns;
  reader.Text("columns", &columns);
  if (!ParseExportColumns(columns, &query->columns)) {
    reader.Fail("columns",
                "must be names of columns with commas between, each once: " + ExportColumnNames());
  }
  reader.Bool("spreadsheet", &query->for_spreadsheets);
  return reader.ok();
}

bool ParseDiffQuery(const http::Request& request, DiffQuery* query, BadParameter* bad) {
  ParameterReader reader(request, bad);
  reader.Text("with", &query->with);
  reader.Seconds("from", &query->from_ns);
  reader.Seconds("to", &query->to_ns);
  reader.Path("path", &query->options.under);
  std::string aspects;
  reader.Text("aspects", &aspects);
  if (!aspects.empty() && !ParseAspects(aspects, &query->options.aspects)) {
    reader.Fail("aspects",
                "must be of kind, content, permissions, attributes, with commas between");
  }
  reader.Bool("expand", &query->options.expand);
  reader.Number<std::uint64_t>("limit", 1, std::numeric_limits<std::uint64_t>::max(),
                               &query->limit);
  reader.After(&query->after);
  if (!query->after.empty() && !IsNormalViewPath(query->after)) {
    reader.Fail("cursor", "is not one that an earlier answer gave as `next`");
  }
  if (query->with.empty() && !query->from_ns) {
    reader.Fail("with", "must name the view to compare with, or from a time");
  }
  if (!query->with.empty() && query->from_ns) reader.Fail("from", "cannot be given beside with");
  if (query->to_ns && !query->from_ns) reader.Fail("to", "needs from");
  return reader.ok();
}

bool ParseChangesQuery(const http::Request& request, ChangesQuery* query, BadParameter* bad) {
  Reader reader(request, bad);
  for (const auto& [name, value] : request.query) {
    if (name != "path") continue;
    Result<std::string> normal = NormalizeViewPath(value);
    if (!normal.ok()) {
      reader.Fail("path", normal.status().message());
      return false;
    }
    query->paths.push_back(*std::move(normal));
  }
  if (query->paths.size() > kChangePathsMax) {
    reader.Fail("path", "may be given " + std::to_string(kChangePathsMax) + " times at most");
  }
  std::string since;
  reader.Text("since", &since);
  // A reader that comes back asks with the URL it began with.
  if (const auto last = request.headers.Find("Last-Event-ID"); last && !last->empty())
    since = *last;
  if (!since.empty()) query->since = FeedPosition::Parse(since);
  if (!since.empty() && !query->since) {
    reader.Fail("since", "must be a revision, or the id of an event");
  }
  return reader.ok();
}

bool ParseStatsQuery(const http::Request& request, StatsQuery* query, BadParameter* bad) {
  Reader reader(request, bad);
  reader.Bool("envelope", &query->envelope);
  if (reader.Has("path")) {
    query->path = "/";
    reader.Path("path", &*query->path);
  }
  return reader.ok();
}

bool ParseEnvelope(const http::Request& request, bool* envelope, BadParameter* bad) {
  Reader reader(request, bad);
  reader.Bool("envelope", envelope);
  return reader.ok();
}

}  // namespace fustor::fusion
