#include "svc/fusion/wire/question_parameters.h"

#include <algorithm>
#include <utility>

#include "svc/fusion/wire/predicates.h"

namespace fustor::fusion {
namespace {

using tree::Dimension;
using tree::Measure;

constexpr std::pair<std::string_view, Dimension> kDimensions[] = {
    {"age", Dimension::kAge},     {"size", Dimension::kSize},   {"ext", Dimension::kExtension},
    {"owner", Dimension::kOwner}, {"group", Dimension::kGroup}, {"depth", Dimension::kDepth},
    {"type", Dimension::kType},
};
constexpr std::pair<std::string_view, Measure> kMeasures[] = {
    {"size", Measure::kSize},
    {"allocated", Measure::kAllocated},
    {"count", Measure::kFiles},
    {"mtime", Measure::kMtime},
};
constexpr std::pair<std::string_view, GroupsQuery::Sort> kGroupSorts[] = {
    {"key", GroupsQuery::Sort::kKey},
    {"size", GroupsQuery::Sort::kSize},
    {"allocated", GroupsQuery::Sort::kAllocated},
    {"count", GroupsQuery::Sort::kCount},
};

Status Wrong(std::string text) { return Status(Code::kInvalidArgument, std::move(text)); }

// The value of one of the names; false: it is none of them.
template <class Names, class T>
bool Choose(const Names& names, std::string_view text, T* value) {
  for (const auto& [name, one] : names) {
    if (name != text) continue;
    *value = one;
    return true;
  }
  return false;
}

void ReadDimensions(ParameterReader* reader, GroupsQuery* query) {
  reader->List("by", tree::Grouping::kDimensionsMax, [&](std::string_view item) -> Status {
    Dimension dimension{};
    if (!Choose(kDimensions, item, &dimension)) {
      return Wrong(
          "must be of age, size, ext, owner, group, depth, type, with commas between when there "
          "are several");
    }
    if (std::ranges::find(query->by, dimension) != query->by.end()) {
      return Wrong("has " + std::string(item) + " twice");
    }
    query->by.push_back(dimension);
    return {};
  });
  if (query->by.empty()) {
    reader->Fail("by", "is missing: age, size, ext, owner, group, depth or type");
  }
}

void ReadGroupSort(ParameterReader* reader, GroupsQuery* query) {
  const bool one = query->by.size() == 1;
  const bool in_order =
      one && (query->by[0] == Dimension::kAge || query->by[0] == Dimension::kSize ||
              query->by[0] == Dimension::kDepth);
  if (in_order) {
    query->sort = GroupsQuery::Sort::kKey;
    query->descending = false;
  }
  reader->Value("sort", [&](std::string_view text) -> Status {
    if (text.empty()) return {};
    query->descending = text.starts_with('-');
    if (query->descending) text.remove_prefix(1);
    if (Choose(kGroupSorts, text, &query->sort)) return {};
    return Wrong(
        "must be key, size, allocated or count, with a minus before it for descending order");
  });
}

}  // namespace

std::string_view DimensionName(Dimension dimension) {
  for (const auto& [name, one] : kDimensions) {
    if (one == dimension) return name;
  }
  return "";
}

std::string_view MeasureName(Measure measure) {
  for (const auto& [name, one] : kMeasures) {
    if (one == measure) return name;
  }
  return "";
}

bool ParseGroupsQuery(const http::Request& request, const PageLimits& limits, GroupsQuery* query,
                      BadParameter* bad) {
  ParameterReader reader(request, bad);
  query->search.directories = false;
  ReadPredicates(&reader, &query->search);
  ReadDimensions(&reader, query);
  ReadGroupSort(&reader, query);
  reader.Value("age_of", [&](std::string_view text) -> Status {
    static constexpr std::pair<std::string_view, tree::SortKey> kTimes[] = {
        {"mtime", tree::SortKey::kMtime},
        {"ctime", tree::SortKey::kCtime},
        {"atime", tree::SortKey::kAtime},
    };
    if (text.empty() || Choose(kTimes, text, &query->age_of)) return {};
    return Wrong("must be mtime, ctime or atime");
  });
  std::optional<std::uint64_t> limit;
  reader.Limit(limits, &limit);
  query->limit = limit.value_or(limits.items_default);
  reader.Bool("envelope", &query->envelope);
  return reader.ok();
}

bool ParseTopQuery(const http::Request& request, const PageLimits& limits, TopQuery* query,
                   BadParameter* bad) {
  ParameterReader reader(request, bad);
  std::string of = "files";
  reader.Text("of", &of);
  query->directories = of == "directories";
  if (!query->directories && of != "files") reader.Fail("of", "must be files or directories");
  reader.Bool("own", &query->own);
  if (query->own && !query->directories) reader.Fail("own", "is for of=directories");
  query->search.directories = false;
  ReadPredicates(&reader, &query->search);
  if (query->directories && !query->own) {
    if (query->search.kind.value_or(EntryKind::kDirectory) != EntryKind::kDirectory) {
      reader.Fail("type", "must be directory, or left out; own=true counts files of one type");
    }
    query->search.files = false;
    query->search.directories = true;
  } else if (query->search.directories) {
    reader.Fail("type", "must be file, symlink or other, or left out");
  }
  reader.Value("by", [&](std::string_view text) -> Status {
    if (text.empty()) return {};
    if (!Choose(kMeasures, text, &query->by)) {
      return Wrong("must be size, allocated, count or mtime");
    }
    if (query->by == Measure::kFiles && !query->directories) {
      return Wrong("count is for of=directories");
    }
    return {};
  });
  std::optional<std::uint64_t> limit;
  reader.Limit(limits, &limit);
  query->limit = limit.value_or(std::min<std::uint64_t>(limits.items_default, 100));
  reader.Bool("only_path", &query->only_path);
  reader.Bool("envelope", &query->envelope);
  return reader.ok();
}

bool ParseDuplicatesQuery(const http::Request& request, DuplicatesQuery* query, BadParameter* bad) {
  ParameterReader reader(request, bad);
  ReadPredicates(&reader, &query->search);
  if (query->search.kind.value_or(EntryKind::kFile) != EntryKind::kFile) {
    reader.Fail("type", "must be file, or left out");
  }
  query->search.kind = EntryKind::kFile;
  query->search.files = true;
  query->search.directories = false;
  std::string by = "size,name";
  reader.Text("by", &by);
  if (by != "size" && by != "size,name" && by != "size,mtime" && by != "size,name,mtime") {
    reader.Fail("by", "must be size; size,name; size,mtime; or size,name,mtime");
  }
  query->same_name = by.find("name") != std::string::npos;
  query->same_mtime = by.find("mtime") != std::string::npos;
  std::optional<std::uint64_t> n;
  reader.Limit({query->limit, DuplicatesQuery::kGroupsMax}, &n);
  query->limit = n.value_or(query->limit);
  n.reset();
  reader.Number<std::uint64_t>("files", 1, DuplicatesQuery::kFilesMax, &n);
  query->files = n.value_or(query->files);
  reader.Bool("only_path", &query->only_path);
  reader.Bool("envelope", &query->envelope);
  return reader.ok();
}

}  // namespace fustor::fusion
