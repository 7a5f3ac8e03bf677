#include "svc/fusion/wire/predicates.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <utility>

#include "base/path.h"

namespace fustor::fusion {
namespace {

constexpr std::string_view kNames[] = {
    "regex",        "iregex",    "under",     "type",         "min_depth",    "max_depth",
    "size_min",     "size_max",  "mtime_min", "mtime_max",    "mtime_min_ns", "mtime_max_ns",
    "ctime_min",    "ctime_max", "atime_min", "atime_max",    "ctime_min_ns", "ctime_max_ns",
    "atime_min_ns", "uid",       "gid",       "atime_max_ns", "mode",         "ext",
    "flags",        "not_flags", "links_min"};

constexpr std::pair<std::string_view, std::uint8_t> kMarks[] = {
    {"suspect", tree::kMarkSuspect},
    {"agent_missing", tree::kMarkAgentMissing},
    {"audit_skipped", tree::kMarkAuditSkipped},
    {"implied", tree::kMarkImplied},
    {"uncertain", tree::kMarkUncertain},
    {"audit_only", tree::kMarkAuditOnly},
};

Status Wrong(std::string text) { return Status(Code::kInvalidArgument, std::move(text)); }

void ReadNumbers(ParameterReader* reader, std::string_view name,
                 std::vector<std::uint32_t>* numbers) {
  reader->List(name, kListItemsMax, [&](std::string_view item) -> Status {
    std::uint32_t n = 0;
    const auto [end, error] = std::from_chars(item.data(), item.data() + item.size(), n);
    if (error != std::errc() || end != item.data() + item.size()) {
      return Wrong("must be numbers with commas between, like 1000 or 0,1000");
    }
    numbers->push_back(n);
    return {};
  });
}

void ReadTimes(ParameterReader* reader, tree::SearchQuery* search) {
  reader->Seconds("mtime_min", &search->mtime_min_ns);
  reader->Seconds("mtime_max", &search->mtime_max_ns);
  reader->Seconds("ctime_min", &search->ctime_min_ns);
  reader->Seconds("ctime_max", &search->ctime_max_ns);
  reader->Seconds("atime_min", &search->atime_min_ns);
  reader->Seconds("atime_max", &search->atime_max_ns);
}

void ReadNames(ParameterReader* reader, tree::SearchQuery* search) {
  reader->Value("pattern", [&](std::string_view text) { return SetPattern(text, search); });
  if (reader->Has("regex") && reader->Has("iregex")) {
    reader->Fail("iregex", "cannot be given beside regex");
  }
  reader->Value("regex", [&](std::string_view text) { return SetRegex(text, false, search); });
  reader->Value("iregex", [&](std::string_view text) { return SetRegex(text, true, search); });
  reader->List("ext", kListItemsMax,
               [&](std::string_view item) { return AddExtension(item, search); });
}

std::vector<std::string> Sorted(std::vector<std::string> paths) {
  std::ranges::sort(paths);
  return paths;
}

}  // namespace

void ReadPredicates(ParameterReader* reader, tree::SearchQuery* search) {
  ReadNames(reader, search);
  reader->Path("under", &search->under);
  reader->Value("type", [&](std::string_view text) { return SetKind(text, search); });
  std::optional<std::uint32_t> n;
  reader->Number<std::uint32_t>("min_depth", 0, UINT32_MAX, &n);
  search->depth_min = n.value_or(search->depth_min);
  n.reset();
  reader->Number<std::uint32_t>("max_depth", 0, UINT32_MAX, &n);
  search->depth_max = n.value_or(search->depth_max);
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  reader->Number<std::int64_t>("size_min", 0, kMax, &search->size_min_bytes);
  reader->Number<std::int64_t>("size_max", 0, kMax, &search->size_max_bytes);
  ReadTimes(reader, search);
  ReadNumbers(reader, "uid", &search->uids);
  ReadNumbers(reader, "gid", &search->gids);
  reader->Value("mode", [&](std::string_view text) { return SetMode(text, search); });
  reader->List("flags", kListItemsMax,
               [&](std::string_view item) { return AddMark(item, &search->marks_any); });
  reader->List("not_flags", kListItemsMax,
               [&](std::string_view item) { return AddMark(item, &search->marks_none); });
  n.reset();
  reader->Number<std::uint32_t>("links_min", 0, UINT32_MAX, &n);
  search->links_min = n.value_or(search->links_min);
}

bool ParsePredicates(const http::Request& request, tree::SearchQuery* search, BadParameter* bad) {
  ParameterReader reader(request, bad);
  ReadPredicates(&reader, search);
  return reader.ok();
}

bool HasPredicates(const http::Request& request) {
  return std::ranges::any_of(
      kNames, [&](std::string_view name) { return request.Query(name).has_value(); });
}

Status SetPattern(std::string_view text, tree::SearchQuery* search) {
  if (text.size() > kPatternBytesMax) {
    return Wrong("is longer than " + std::to_string(kPatternBytesMax) + " bytes");
  }
  search->pattern = text;
  return {};
}

Status SetRegex(std::string_view text, bool any_case, tree::SearchQuery* search) {
  if (text.empty()) return {};
  if (text.size() > kRegexBytesMax) {
    return Wrong("is longer than " + std::to_string(kRegexBytesMax) + " bytes");
  }
  Result<regex::Regex> made = regex::Regex::Compile(
      text, {.any_case = any_case, .anywhere = true, .instructions_max = kRegexInstructionsMax});
  if (!made.ok()) {
    return Wrong("is no POSIX extended regular expression: " + made.status().message());
  }
  search->regex = std::make_shared<const regex::Regex>(*std::move(made));
  search->regex_on_path = text.find('/') != std::string_view::npos;
  return {};
}

Status SetMode(std::string_view text, tree::SearchQuery* search) {
  if (text.empty()) return {};
  search->mode = mode::ParseModeTest(text);
  if (search->mode) return {};
  return Wrong(
      "must be as find -perm has it: 644 (exactly), -022 (all of these bits) or /222 (any of "
      "them), octal or like u=rw,g+r");
}

Status SetKind(std::string_view type, tree::SearchQuery* search) {
  static constexpr std::pair<std::string_view, EntryKind> kTypes[] = {
      {"file", EntryKind::kFile},           {"f", EntryKind::kFile},
      {"directory", EntryKind::kDirectory}, {"d", EntryKind::kDirectory},
      {"symlink", EntryKind::kSymlink},     {"l", EntryKind::kSymlink},
      {"other", EntryKind::kOther},
  };
  if (type.empty()) return {};
  if (type == "any") {
    search->files = search->directories = true;
    return {};
  }
  for (const auto& [name, kind] : kTypes) {
    if (name != type) continue;
    search->kind = kind;
    search->directories = kind == EntryKind::kDirectory;
    search->files = !search->directories;
    return {};
  }
  return Wrong("must be file, directory, symlink, other or any");
}

Status AddExtension(std::string_view text, tree::SearchQuery* search) {
  if (text.starts_with('.')) {
    text.remove_prefix(1);
  } else if (text.empty()) {
    return Wrong("must be extensions with commas between, like jpg,tar.gz; a dot: names without");
  }
  if (text.size() > kNameBytesMax || text.find('/') != std::string_view::npos) {
    return Wrong("has an extension that no name can have");
  }
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  search->extensions.push_back(std::move(lower));
  return {};
}

Status AddMark(std::string_view text, std::uint8_t* marks) {
  for (const auto& [name, mark] : kMarks) {
    if (name != text) continue;
    *marks |= mark;
    return {};
  }
  return Wrong(
      "must be of suspect, uncertain, audit_only, agent_missing, audit_skipped, implied, with "
      "commas between");
}

void AddSubtrees(const ViewStatus& status, tree::SearchQuery* search) {
  const std::uint8_t asked = search->marks_any | search->marks_none;
  if ((asked & tree::kMarkUncertain) != 0) {
    search->uncertain_under.clear();
    for (const Arbiter::Uncertain& uncertain : status.uncertain) {
      search->uncertain_under.push_back(uncertain.path);
    }
    std::ranges::sort(search->uncertain_under);
  }
  if ((asked & tree::kMarkAuditOnly) != 0) search->audit_only_under = Sorted(status.audit_only);
}

}  // namespace fustor::fusion
