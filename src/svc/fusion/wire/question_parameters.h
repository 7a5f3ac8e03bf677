// question_parameters.h: what a request for groups, the top, or duplicates may say, beside which
// entries it is about (predicates.h).
//
// Pure. Failures as parameters.h has them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/tree/directory_ranking.h"
#include "lib/tree/duplicates.h"
#include "lib/tree/groups.h"
#include "svc/fusion/wire/parameters.h"

namespace fustor::fusion {

struct GroupsQuery {
  enum class Sort : std::uint8_t { kKey, kSize, kAllocated, kCount };
  tree::SearchQuery search;
  std::vector<tree::Dimension> by;
  tree::SortKey age_of = tree::SortKey::kMtime;
  Sort sort = Sort::kSize;
  bool descending = true;
  std::uint64_t limit = 0;
  bool envelope = false;
};

struct TopQuery {
  tree::SearchQuery search;
  bool directories = false;  // Else files.
  tree::Measure by = tree::Measure::kSize;
  bool own = false;  // Directories without what is in their subdirectories.
  std::uint64_t limit = 0;
  bool only_path = false;
  bool envelope = false;
};

struct DuplicatesQuery {
  static constexpr std::uint64_t kGroupsMax = 1000;
  static constexpr std::uint64_t kFilesMax = 100;
  tree::SearchQuery search;
  bool same_name = true;
  bool same_mtime = false;
  std::uint64_t limit = 100;  // Groups.
  std::uint64_t files = 20;   // Of each.
  bool only_path = false;
  bool envelope = false;
};

// False: *bad says why; *query is then not to be used.
bool ParseGroupsQuery(const http::Request& request, const PageLimits& limits, GroupsQuery* query,
                      BadParameter* bad);
bool ParseTopQuery(const http::Request& request, const PageLimits& limits, TopQuery* query,
                   BadParameter* bad);
bool ParseDuplicatesQuery(const http::Request& request, DuplicatesQuery* query, BadParameter* bad);

// "age", "size", "ext", "owner", "group", "depth", "type".
std::string_view DimensionName(tree::Dimension dimension);
// "size", "allocated", "count", "mtime".
std::string_view MeasureName(tree::Measure measure);

}  // namespace fustor::fusion
