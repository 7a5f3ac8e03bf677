#include "svc/fusion/wire/parameters.h"

#include <charconv>
#include <limits>

#include "base/base64.h"
#include "base/json_writer.h"
#include "base/path.h"
#include "svc/fusion/wire/difference_json.h"

namespace fustor::fusion {
namespace {

constexpr std::size_t kChangePathsMax = 100;

// Reads parameters until one is wrong; says which.
class Reader {
 public:
  Reader(const http::Request& request, BadParameter* bad) : request_(request), bad_(bad) {}

  bool ok() const { return ok_; }
  bool Has(std::string_view name) const { return request_.Query(name).has_value(); }

  void Bool(std::string_view name, bool* value) {
    const auto text = Get(name);
    if (!text) return;
    if (*text == "true" || *text == "1" || *text == "True" || *text == "yes" || *text == "on") {
      *value = true;
    } else if (*text == "false" || *text == "0" || *text == "False" || *text == "no" ||
               *text == "off") {
      *value = false;
    } else {
      Fail(name, "must be true or false");
    }
  }

  template <class T>
  void Number(std::string_view name, T min, T max, std::optional<T>* value) {
    const auto text = Get(name);
    if (!text) return;
    T n{};
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), n);
    if (error == std::errc() && end == text->data() + text->size() && n >= min && n <= max) {
      *value = n;
      return;
    }
    std::string allowed = "must be a whole number from " + std::to_string(min);
    if (max != std::numeric_limits<T>::max()) allowed += " to " + std::to_string(max);
    Fail(name, allowed);
  }

  // Seconds since 1970 with at most nine decimals, as nanoseconds; or with the name's "_ns" form.
  void Seconds(const std::string& name, std::optional<std::int64_t>* value) {
    Number<std::int64_t>(name + "_ns", std::numeric_limits<std::int64_t>::min(),
                         std::numeric_limits<std::int64_t>::max(), value);
    const auto text = Get(name);
    if (!text) return;
    const std::optional<std::int64_t> ns = ParseSeconds(*text);
    if (ns) {
      *value = ns;
    } else {
      Fail(name, "must be seconds since 1970, like 1700000000 or 1700000000.25");
    }
  }

  void Path(std::string_view name, std::string* value) {
    const auto text = Get(name);
    if (!text) return;
    Result<std::string> normal = NormalizeViewPath(*text);
    if (normal.ok()) {
      *value = *std::move(normal);
    } else {
      Fail(name, normal.status().message());
    }
  }

  void Text(std::string_view name, std::string* value) {
    if (const auto text = Get(name)) *value = *text;
  }

  void Limit(const PageLimits& limits, std::optional<std::uint64_t>* limit) {
    Number<std::uint64_t>("limit", 1, std::numeric_limits<std::uint64_t>::max(), limit);
    if (*limit) *limit = std::min(**limit, limits.items_max);
  }

  void After(std::string* after) {
    const auto text = Get("cursor");
    if (!text || text->empty()) return;
    const std::optional<Cursor> cursor = Cursor::Parse(*text);
    if (cursor) {
      *after = cursor->last;
    } else {
      Fail("cursor", "is not one that an earlier answer gave as `next`");
    }
  }

  void Fail(std::string_view name, std::string text) {
    if (!ok_) return;
    ok_ = false;
    *bad_ = {std::string(name), std::move(text)};
  }

 private:
  std::optional<std::string_view> Get(std::string_view name) const {
    return ok_ ? request_.Query(name) : std::nullopt;
  }

  static std::optional<std::int64_t> ParseSeconds(std::string_view text) {
    const bool negative = text.starts_with('-');
    if (negative) text.remove_prefix(1);
    const std::size_t point = std::min(text.find('.'), text.size());
    std::uint64_t whole = 0;
    const char* const digits = text.data();
    const auto [end, error] = std::from_chars(digits, digits + point, whole);
    if (error != std::errc() || end != digits + point) return std::nullopt;
    if (whole > 9'223'372'035) return std::nullopt;
    std::int64_t nanos = 0;
    std::int64_t scale = 100'000'000;
    for (std::size_t i = point + 1; i < text.size(); ++i) {
      if (text[i] < '0' || text[i] > '9') return std::nullopt;
      nanos += (text[i] - '0') * scale;
      scale /= 10;
    }
    const std::int64_t ns = static_cast<std::int64_t>(whole) * 1'000'000'000 + nanos;
    return negative ? -ns : ns;
  }

  const http::Request& request_;
  BadParameter* bad_;
  bool ok_ = true;
};

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

// "file", "f", "directory", ... onto the query. False: unknown.
bool SetType(std::string_view type, tree::SearchQuery* search) {
  search->files = true;
  search->directories = true;
  if (type == "any") return true;
  if (type == "file" || type == "f") {
    search->kind = EntryKind::kFile;
  } else if (type == "directory" || type == "d") {
    search->kind = EntryKind::kDirectory;
  } else if (type == "symlink" || type == "l") {
    search->kind = EntryKind::kSymlink;
  } else if (type == "other") {
    search->kind = EntryKind::kOther;
  } else {
    return false;
  }
  search->files = search->kind != EntryKind::kDirectory;
  search->directories = search->kind == EntryKind::kDirectory;
  return true;
}

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
  tree::SearchQuery& search = query->search;
  search.directories = false;
  constexpr std::string_view kOurs[] = {"limit",     "cursor",       "under",        "type",
                                        "size_min",  "size_max",     "mtime_min",    "mtime_max",
                                        "max_depth", "mtime_min_ns", "mtime_max_ns", "only_path",
                                        "totals"};
  for (const std::string_view name : kOurs) query->bare = query->bare && !reader.Has(name);

  reader.Text("pattern", &search.pattern);
  if (search.pattern.size() > kPatternBytesMax) {
    reader.Fail("pattern", "is longer than " + std::to_string(kPatternBytesMax) + " bytes");
  }
  reader.Path("under", &search.under);
  std::string type;
  reader.Text("type", &type);
  if (!type.empty() && !SetType(type, &search)) {
    reader.Fail("type", "must be file, directory, symlink, other or any");
  }
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  reader.Number<std::int64_t>("size_min", 0, kMax, &search.size_min_bytes);
  reader.Number<std::int64_t>("size_max", 0, kMax, &search.size_max_bytes);
  reader.Seconds("mtime_min", &search.mtime_min_ns);
  reader.Seconds("mtime_max", &search.mtime_max_ns);
  std::optional<std::uint32_t> depth_max;
  reader.Number<std::uint32_t>("max_depth", 0, UINT32_MAX, &depth_max);
  if (depth_max) search.depth_max = *depth_max;
  reader.Bool("only_path", &query->only_path);
  reader.Bool("totals", &query->totals);
  reader.Bool("envelope", &query->envelope);
  std::optional<std::uint64_t> limit;
  reader.Limit(limits, &limit);
  query->limit = limit.value_or(limits.items_default);
  reader.After(&query->after);
  if (!query->after.empty() && !IsNormalViewPath(query->after)) {
    reader.Fail("cursor", "is not one that an earlier answer gave as `next`");
  }
  if (!reader.Has("pattern") && query->bare) reader.Fail("pattern", "is missing");
  return reader.ok();
}

bool ParseExportQuery(const http::Request& request, ExportQuery* query, BadParameter* bad) {
  // The predicates are those of a search; pages there are none.
  http::Request predicates;
  for (const auto& parameter : request.query) {
    if (parameter.first != "limit" && parameter.first != "cursor") {
      predicates.query.push_back(parameter);
    }
  }
  predicates.query.emplace_back("limit", "1");
  SearchPageQuery search;
  if (!ParseSearchQuery(predicates, {}, &search, bad)) return false;
  query->search = std::move(search.search);
  Reader reader(request, bad);
  if (!reader.Has("type")) query->search.directories = true;
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
  Reader reader(request, bad);
  reader.Text("with", &query->with);
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
  if (query->with.empty()) reader.Fail("with", "must name the view to compare with");
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
