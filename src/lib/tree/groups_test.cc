#include "lib/tree/groups.h"

#include <gtest/gtest.h>

#include <set>

#include "lib/tree/random_tree_testing.h"

namespace fustor::tree {
namespace {

constexpr std::int64_t kDay = 86'400'000'000'000;

TEST(GroupsTest, ClassesOfSizesAndAgesCoverEverythingOnce) {
  for (const std::int64_t size : {INT64_MIN, -1L, 0L, 1L, 2L, 3L, 4L, 1023L, 1024L, INT64_MAX}) {
    int classes = 0;
    for (std::uint64_t c = 0; c <= 63; ++c) {
      const Range range = SizesOfClass(c);
      const bool in = (!range.min || size >= *range.min) && (!range.max || size <= *range.max);
      EXPECT_EQ(in, SizeClassOf(size) == c) << size << " in " << c;
      classes += in ? 1 : 0;
    }
    EXPECT_EQ(classes, 1) << size;
  }
  const std::int64_t now = 1'700'000'000'000'000'000;
  for (const std::int64_t age :
       {0L, 1L, kDay - 1, kDay, 7 * kDay - 1, 7 * kDay, 30 * kDay, 365 * kDay, 729 * kDay,
        730 * kDay, 3650 * kDay, now, -1L, -kDay}) {
    for (std::uint64_t c = 0; c < kAgeClasses; ++c) {
      const Range range = TimesOfAgeClass(c, now);
      const std::int64_t time = now - age;
      const bool in = (!range.min || time >= *range.min) && (!range.max || time <= *range.max);
      EXPECT_EQ(in, AgeClassOf(time, now) == c) << age << " in " << c;
    }
  }
  EXPECT_EQ(AgeClassName(AgeClassOf(now - 8 * kDay, now)), "7d-30d");
  EXPECT_EQ(AgeClassName(AgeClassOf(now - 4000 * kDay, now)), "10y-");
  EXPECT_EQ(AgeClassName(AgeClassOf(now + 1, now)), "future");
}

// What one entry is in one dimension, as text.
std::string NaiveKey(Dimension by, const std::string& path, const EntryAttrs& a, std::int64_t now,
                     const std::string& under) {
  const std::string name(SplitPath(path).second);
  switch (by) {
    case Dimension::kAge:
      return std::string(AgeClassName(AgeClassOf(a.mtime_ns, now)));
    case Dimension::kSize: {
      int power = 0;
      for (std::int64_t n = a.size_bytes; n > 0; n /= 2) ++power;
      return std::to_string(power);
    }
    case Dimension::kExtension: {
      const std::size_t dot = name.rfind('.');
      std::string ext = dot == std::string::npos || dot == 0 ? "" : name.substr(dot + 1);
      for (char& c : ext) c = static_cast<char>(std::tolower(c));
      return ext;
    }
    case Dimension::kOwner:
      return std::to_string(a.uid);
    case Dimension::kGroup:
      return std::to_string(a.gid);
    case Dimension::kDepth:
      return std::to_string(std::count(path.begin(), path.end(), '/') -
                            (under == "/" ? 0 : std::count(under.begin(), under.end(), '/')));
    case Dimension::kType:
      break;
  }
  return std::to_string(static_cast<int>(a.kind));
}

struct NaiveGroups {
  std::map<std::string, GroupSums> groups;
  GroupSums total;
};

void AddNaively(const EntryAttrs& a, bool first, GroupSums* sums) {
  ++(a.is_directory() ? sums->directories : sums->files);
  if (first && !a.is_directory()) sums->bytes += static_cast<std::uint64_t>(a.size_bytes);
  if (first) sums->allocated_bytes += static_cast<std::uint64_t>(a.allocated_bytes);
  sums->earliest_mtime_ns = std::min(sums->earliest_mtime_ns, a.mtime_ns);
  sums->latest_mtime_ns = std::max(sums->latest_mtime_ns, a.mtime_ns);
}

NaiveGroups CountNaively(const RandomTree& world, const SearchQuery& query,
                         const Grouping::Options& options) {
  NaiveGroups naive;
  std::set<std::uint64_t> seen;
  for (const auto& [path, entry] : world.entries) {
    const EntryAttrs& a = entry.attrs;
    if (!IsWithin(path, query.under) || !(a.is_directory() ? query.directories : query.files)) {
      continue;
    }
    if (query.size_min_bytes && a.size_bytes < *query.size_min_bytes) continue;
    const bool first = a.is_directory() || a.nlink < 2 || seen.insert(a.inode).second;
    std::string key;
    for (const Dimension by : options.by) {
      key += NaiveKey(by, path, a, options.now_ns, options.under) + "|";
    }
    AddNaively(a, first, &naive.groups[key]);
    AddNaively(a, first, &naive.total);
  }
  return naive;
}

std::string TextOf(Dimension by, std::uint64_t key, const Grouping& grouping) {
  if (by == Dimension::kAge) return std::string(AgeClassName(key));
  if (by == Dimension::kExtension) return std::string(grouping.ExtensionOfKey(key));
  return std::to_string(key);
}

TEST(GroupsTest, CountsWhatANaiveCountCounts) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    const RandomTree world(seed, 1 + random.Below(400));
    const Snapshot snapshot = *world.tree.Pin();
    SearchQuery query;
    if (random.Chance(1, 3) && !world.entries.empty()) {
      auto at = world.entries.begin();
      std::advance(at, static_cast<std::ptrdiff_t>(random.Below(world.entries.size())));
      query.under = at->first;
    }
    query.directories = random.Chance(1, 2);
    if (random.Chance(1, 3)) query.size_min_bytes = random.Between(0, 1000);
    Grouping::Options options;
    options.now_ns = 2'000'000'000'000'000;
    options.under = query.under;
    for (std::uint64_t n = 1 + random.Below(3); n > 0; --n) {
      options.by.push_back(static_cast<Dimension>(random.Below(7)));
    }
    Grouping grouping(options);
    world.Visit(snapshot, query, [&](auto path, const auto& row) { grouping.Add(path, row); });

    const NaiveGroups naive = CountNaively(world, query, options);
    std::map<std::string, GroupSums> got;
    for (const auto& [key, sums] : grouping.groups()) {
      std::string text;
      for (std::size_t i = 0; i < options.by.size(); ++i) {
        text += TextOf(options.by[i], key[i], grouping) + "|";
      }
      EXPECT_TRUE(got.emplace(text, sums).second) << text << " twice";
    }
    EXPECT_EQ(got, naive.groups);
    EXPECT_EQ(grouping.total(), naive.total);
    EXPECT_FALSE(grouping.rest_used());
    EXPECT_TRUE(grouping.links_exact());
  }
}

TEST(GroupsTest, TheTotalOfEverythingIsWhatTheTreeKeeps) {
  const RandomTree world(7, 1000);
  const Snapshot snapshot = *world.tree.Pin();
  Grouping grouping({.by = {Dimension::kOwner}});
  world.Visit(snapshot, {}, [&](auto path, const auto& row) { grouping.Add(path, row); });
  const Aggregates sums = snapshot.AggregatesOf(kRoot);
  EXPECT_EQ(grouping.total().files, sums.files);
  EXPECT_EQ(grouping.total().directories + 1, sums.directories);
  EXPECT_EQ(grouping.total().bytes, sums.bytes);
  EXPECT_EQ(grouping.total().allocated_bytes, sums.allocated_bytes);
}

TEST(GroupsTest, WhatHasNoRoomIsTheRest) {
  for (const Dimension by : {Dimension::kExtension, Dimension::kSize}) {
    const RandomTree world(8, 1000);
    const Snapshot snapshot = *world.tree.Pin();
    Grouping grouping({.by = {by}, .groups_max = 3, .inodes_max = 2});
    world.Visit(snapshot, {}, [&](auto path, const auto& row) { grouping.Add(path, row); });
    EXPECT_TRUE(grouping.rest_used());
    EXPECT_FALSE(grouping.links_exact());
    ASSERT_EQ(grouping.groups().size(), 3u);
    GroupSums all = grouping.rest();
    for (const auto& [key, sums] : grouping.groups()) all.Add(sums);
    EXPECT_EQ(all, grouping.total());
    EXPECT_GT(grouping.rest().files, 0u);
  }
}

}  // namespace
}  // namespace fustor::tree
