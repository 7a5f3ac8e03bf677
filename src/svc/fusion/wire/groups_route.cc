// GET /views/{view}/groups

#include <algorithm>
#include <utility>

#include "lib/http/text.h"
#include "svc/fusion/wire/node_json.h"
#include "svc/fusion/wire/predicates.h"
#include "svc/fusion/wire/question_parameters.h"
#include "svc/fusion/wire/routes.h"

namespace fustor::fusion {
namespace {

using tree::Dimension;
using tree::Grouping;
using tree::GroupSums;
using Group = std::pair<Grouping::Key, GroupSums>;

constexpr std::string_view kTypes[] = {"file", "directory", "symlink", "other"};

// Groups in the order that was asked for, cut down to so many; `rest` gets the others.
class Order {
 public:
  Order(const GroupsQuery& query, const Grouping& grouping) : query_(query), grouping_(grouping) {}

  std::vector<Group> Cut(GroupSums* rest, std::uint64_t* omitted) const {
    std::vector<Group> groups = grouping_.groups();
    if (groups.size() > query_.limit) {
      const auto kept = static_cast<std::ptrdiff_t>(query_.limit);
      std::nth_element(groups.begin(), groups.begin() + kept, groups.end(),
                       [this](const Group& a, const Group& b) { return IsMore(a, b); });
      for (auto group = groups.begin() + kept; group != groups.end(); ++group) {
        rest->Add(group->second);
      }
      *omitted = groups.size() - query_.limit;
      groups.resize(query_.limit);
    }
    std::ranges::sort(groups, [this](const Group& a, const Group& b) { return IsBefore(a, b); });
    return groups;
  }

 private:
  std::uint64_t ValueOf(const Group& group) const {
    const GroupSums& sums = group.second;
    return query_.sort == GroupsQuery::Sort::kCount       ? sums.files + sums.directories
           : query_.sort == GroupsQuery::Sort::kAllocated ? sums.allocated_bytes
                                                          : sums.bytes;
  }
  // Less than, equal to or greater than 0. Classes and numbers by their order, extensions as text.
  int CompareKeys(const Group& a, const Group& b) const {
    for (std::size_t i = 0; i < query_.by.size(); ++i) {
      const std::uint64_t x = a.first[i];
      const std::uint64_t y = b.first[i];
      if (x == y) continue;
      if (query_.by[i] != Dimension::kExtension) return x < y ? -1 : 1;
      return grouping_.ExtensionOfKey(x).compare(grouping_.ExtensionOfKey(y));
    }
    return 0;
  }
  bool IsMore(const Group& a, const Group& b) const {
    const std::uint64_t x = ValueOf(a);
    const std::uint64_t y = ValueOf(b);
    return x != y ? x > y : CompareKeys(a, b) < 0;
  }
  bool IsBefore(const Group& a, const Group& b) const {
    const int keys = CompareKeys(a, b);
    if (query_.sort == GroupsQuery::Sort::kKey) return query_.descending ? keys > 0 : keys < 0;
    const std::uint64_t x = ValueOf(a);
    const std::uint64_t y = ValueOf(b);
    if (x == y) return keys < 0;
    return query_.descending ? x > y : x < y;
  }

  const GroupsQuery& query_;
  const Grouping& grouping_;
};

void WriteTime(std::string_view name, std::int64_t ns, bool known, JsonWriter* json) {
  json->Key(name);
  WriteSeconds(known ? std::optional(WallTime{ns}) : std::nullopt, json);
  json->Key(std::string(name) + "_ns");
  if (known) {
    json->Int(ns);
  } else {
    json->Null();
  }
}

void WriteSums(const GroupSums& sums, JsonWriter* json) {
  const bool any = sums.files + sums.directories > 0;
  json->Key("file_count").Uint(sums.files);
  json->Key("dir_count").Uint(sums.directories);
  json->Key("total_size").Uint(sums.bytes);
  json->Key("allocated_size").Uint(sums.allocated_bytes);
  WriteTime("earliest_mtime", sums.earliest_mtime_ns, any, json);
  WriteTime("latest_mtime", sums.latest_mtime_ns, any, json);
}

// Both ends included, as far as both say.
tree::Range Both(tree::Range a, const std::optional<std::int64_t>& min,
                 const std::optional<std::int64_t>& max) {
  if (min && (!a.min || *min > *a.min)) a.min = min;
  if (max && (!a.max || *max < *a.max)) a.max = max;
  return a;
}

class GroupWriter {
 public:
  GroupWriter(const GroupsQuery& query, const Grouping& grouping, std::int64_t now_ns)
      : query_(query), grouping_(grouping), now_ns_(now_ns) {}

  void Write(const Group& group, JsonWriter* json) const {
    json->BeginObject().Key("group").BeginObject();
    for (std::size_t i = 0; i < query_.by.size(); ++i) {
      json->Key(DimensionName(query_.by[i]));
      WriteKey(query_.by[i], group.first[i], json);
    }
    json->EndObject();
    WriteSums(group.second, json);
    json->Key("query");
    std::string text;
    bool can_be_asked = true;
    for (std::size_t i = 0; i < query_.by.size(); ++i) {
      can_be_asked = AppendQuery(query_.by[i], group.first[i], &text) && can_be_asked;
    }
    if (can_be_asked) {
      json->String(std::string_view(text).substr(1));
    } else {
      json->Null();
    }
    json->EndObject();
  }

 private:
  void WriteKey(Dimension dimension, std::uint64_t key, JsonWriter* json) const {
    switch (dimension) {
      case Dimension::kAge:
        json->String(tree::AgeClassName(key));
        return;
      case Dimension::kSize:
        json->Int(tree::SizesOfClass(key).min.value_or(0));
        return;
      case Dimension::kExtension:
        json->String(grouping_.ExtensionOfKey(key));
        return;
      case Dimension::kType:
        json->String(kTypes[key]);
        return;
      default:
        json->Uint(key);
        return;
    }
  }

  static void AppendRange(const std::string& name, const std::string& end, const tree::Range& range,
                          std::string* text) {
    if (range.min) *text += "&" + name + "_min" + end + "=" + std::to_string(*range.min);
    if (range.max) *text += "&" + name + "_max" + end + "=" + std::to_string(*range.max);
  }
  void AppendAge(std::uint64_t key, std::string* text) const {
    const tree::SearchQuery& s = query_.search;
    const tree::Range range = tree::TimesOfAgeClass(key, now_ns_);
    if (query_.age_of == tree::SortKey::kCtime) {
      AppendRange("ctime", "_ns", Both(range, s.ctime_min_ns, s.ctime_max_ns), text);
    } else if (query_.age_of == tree::SortKey::kAtime) {
      AppendRange("atime", "_ns", Both(range, s.atime_min_ns, s.atime_max_ns), text);
    } else {
      AppendRange("mtime", "_ns", Both(range, s.mtime_min_ns, s.mtime_max_ns), text);
    }
  }
  // False: no parameter says it.
  bool AppendQuery(Dimension dimension, std::uint64_t key, std::string* text) const {
    const std::string number = std::to_string(key);
    switch (dimension) {
      case Dimension::kAge:
        AppendAge(key, text);
        return true;
      case Dimension::kSize:
        AppendRange("size", "",
                    Both(tree::SizesOfClass(key), query_.search.size_min_bytes,
                         query_.search.size_max_bytes),
                    text);
        return true;
      case Dimension::kExtension: {
        const std::string_view extension = grouping_.ExtensionOfKey(key);
        *text += "&ext=." + http::PercentEncode(extension);
        return extension.find(',') == std::string_view::npos;
      }
      case Dimension::kOwner:
        *text += "&uid=" + number;
        return true;
      case Dimension::kGroup:
        *text += "&gid=" + number;
        return true;
      case Dimension::kDepth:
        *text += "&min_depth=" + number + "&max_depth=" + number;
        return true;
      case Dimension::kType:
        break;
    }
    *text += "&type=" + std::string(kTypes[key]);
    return true;
  }

  const GroupsQuery& query_;
  const Grouping& grouping_;
  const std::int64_t now_ns_;
};

void WriteGroups(const GroupsQuery& query, const Grouping& grouping, std::int64_t now_ns,
                 tree::Revision revision, std::string* out) {
  JsonWriter json(out);
  json.BeginObject().Key("by").BeginArray();
  for (const Dimension dimension : query.by) json.String(DimensionName(dimension));
  json.EndArray().Key("groups").BeginArray();
  GroupSums rest = grouping.rest();
  std::uint64_t omitted = 0;
  const GroupWriter writer(query, grouping, now_ns);
  for (const Group& group : Order(query, grouping).Cut(&rest, &omitted)) {
    writer.Write(group, &json);
  }
  json.EndArray().Key("other");
  if (omitted == 0 && !grouping.rest_used()) {
    json.Null();
  } else {
    json.BeginObject().Key("group_count");
    if (grouping.rest_used()) {
      json.Null();
    } else {
      json.Uint(omitted);
    }
    WriteSums(rest, &json);
    json.EndObject();
  }
  json.Key("total").BeginObject();
  WriteSums(grouping.total(), &json);
  json.EndObject();
  json.Key("links_exact").Bool(grouping.links_exact());
  json.Key("now");
  WriteSeconds(WallTime{now_ns}, &json);
  json.Key("revision").Uint(revision).EndObject();
}

}  // namespace

env::Task<void> AnswerGroups(const ViewDoor& door, http::Request& request,
                             http::ResponseWriter& writer) {
  GroupsQuery query;
  const auto read = [&](BadParameter* bad) {
    return ParseGroupsQuery(request, door.page_limits(), &query, bad);
  };
  const std::optional<OpenView> open =
      co_await OpenAndRead(door, request, writer, Need::kReady, read);
  if (!open) co_return;
  AddSubtrees(*open->status, &query.search);
  std::optional<tree::Snapshot> snapshot = co_await PinFor(*open, writer);
  if (!snapshot) co_return;
  const tree::Revision revision = snapshot->revision();
  const std::int64_t now_ns = door.clock.WallNow().ns;
  Grouping::Options options;
  options.by = query.by;
  options.age_of = query.age_of;
  options.now_ns = now_ns;
  options.under = query.search.under;
  Grouping grouping(std::move(options));
  const VisitMatch add = [&grouping](std::string_view path, const tree::Snapshot::Row& row) {
    grouping.Add(path, row);
  };
  co_await WalkMatches(door, *snapshot, query.search, add);
  snapshot.reset();
  std::string out;
  BeginEnvelope(query.envelope, &out);
  WriteGroups(query, grouping, now_ns, revision, &out);
  EndEnvelope(query.envelope, door, *open, query.search.under, revision, &out);
  (void)co_await writer.Send(200, open->headers, std::move(out));
}

}  // namespace fustor::fusion
