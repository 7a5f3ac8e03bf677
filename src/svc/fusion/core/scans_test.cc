#include "svc/fusion/core/scans.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "svc/fusion/core/evidence.h"

namespace fustor::fusion {
namespace {

constexpr SessionKey kOne{1};
constexpr SessionKey kTwo{2};

batch::Batch ScanOf(std::uint64_t id, const std::string& path = "/") {
  batch::Batch batch;
  batch.source = batch::Source::kSnapshot;
  batch.scan_id = id;
  batch.scan_path = path;
  return batch;
}

TEST(Scans, ASessionThatNeverEndsAnyLosesItsOldest) {
  Scans scans;
  scans.Begin(kTwo, ScanOf(1), {1});
  for (std::uint64_t id = 1; id <= Scans::kScansPerSessionMax + 1; ++id) {
    scans.Begin(kOne, ScanOf(id), {static_cast<std::int64_t>(10 * id)});
  }
  EXPECT_EQ(scans.size(), Scans::kScansPerSessionMax + 1);
  EXPECT_FALSE(scans.End(kOne, 1, Seconds(60)).has_value());
  EXPECT_TRUE(scans.End(kOne, 2, Seconds(60)).has_value());
  EXPECT_TRUE(scans.End(kTwo, 1, Seconds(60)).has_value());
}

TEST(Scans, KnowTheOldestThatIsGoingOn) {
  Scans scans;
  EXPECT_EQ(scans.oldest_begin_wall_ns(), INT64_MAX);
  scans.Begin(kOne, ScanOf(1), {20});
  scans.Begin(kTwo, ScanOf(1), {10});
  EXPECT_EQ(scans.oldest_begin_wall_ns(), 10);
  scans.DropSession(kTwo);
  EXPECT_EQ(scans.oldest_begin_wall_ns(), 20);
}

// Otherwise a scan that was given up without a word would keep every tombstone.
TEST(Scans, OneThatItsSessionHasBegunToRepeatIsNotGoingOn) {
  struct Case {
    const char* name;
    SessionKey session;
    batch::Source source;
    std::string path;
    std::int64_t oldest_ns;
  };
  const Case cases[] = {
      {"the same again", kOne, batch::Source::kSnapshot, "/a", 20},
      {"and more", kOne, batch::Source::kSnapshot, "/", 20},
      {"something below it", kOne, batch::Source::kSnapshot, "/a/b", 10},
      {"something else", kOne, batch::Source::kSnapshot, "/b", 10},
      {"another kind of scan", kOne, batch::Source::kAudit, "/a", 10},
      {"another session", kTwo, batch::Source::kSnapshot, "/a", 10},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    Scans scans;
    scans.Begin(kOne, ScanOf(1, "/a"), {10});
    batch::Batch next = ScanOf(2, c.path);
    next.source = c.source;
    scans.Begin(c.session, next, {20});
    EXPECT_EQ(scans.oldest_begin_wall_ns(), c.oldest_ns);
    // Its rows may still come.
    EXPECT_EQ(scans.Current(kOne, ScanOf(1), {30})->begin_wall_ns, 10);
  }
}

TEST(Scans, ABatchWithoutABeginningStartsOneThatProvesNothing) {
  Scans scans;
  EXPECT_FALSE(scans.Current(kOne, ScanOf(1), {1})->begun);
  scans.Lost(kOne, "/", {0});
  EXPECT_FALSE(scans.End(kOne, 1, Seconds(60))->begun);
  EXPECT_EQ(scans.uncertain().size(), 1u);
}

TEST(Scans, RefusalCoversWhatIsBelow) {
  Scans::Scan scan;
  EXPECT_FALSE(Scans::IsRefused(scan, "/a"));
  Scans::Refuse(&scan, "/a/b");
  EXPECT_TRUE(Scans::IsRefused(scan, "/a/b"));
  EXPECT_TRUE(Scans::IsRefused(scan, "/a/b/c/d"));
  EXPECT_FALSE(Scans::IsRefused(scan, "/a"));
  EXPECT_FALSE(Scans::IsRefused(scan, "/a/bc"));
  for (std::size_t i = 0; i <= Scans::kRefusedMax; ++i) {
    Scans::Refuse(&scan, "/x" + std::to_string(i));
  }
  EXPECT_TRUE(Scans::IsRefused(scan, "/a/bc")) << "full: nothing unknown is believed any more";
}

TEST(Scans, UncertaintyIsBoundedByBecomingCoarser) {
  Scans scans;
  for (std::size_t i = 0; i < Scans::kUncertainMax; ++i) {
    scans.Lost(kOne, "/d" + std::to_string(i), {static_cast<std::int64_t>(100 + i)});
  }
  EXPECT_EQ(scans.uncertain().size(), Scans::kUncertainMax);
  scans.Lost(kOne, "/one/more", {99'999});
  ASSERT_EQ(scans.uncertain().size(), 1u);
  EXPECT_EQ(scans.uncertain()[0].path, "/");
  EXPECT_EQ(scans.uncertain()[0].since.ns, 100);
}

TEST(Scans, UncertaintyOfEndedSessionsStaysUntilSomebodyHasLooked) {
  Scans scans;
  scans.Lost(kOne, "/a", {1});
  scans.Lost(kOne, "/b", {2});
  scans.DropSession(kOne);
  ASSERT_EQ(scans.uncertain().size(), 2u);
  scans.Begin(kTwo, ScanOf(1, "/b"), {3});
  scans.End(kTwo, 1, Seconds(60));
  ASSERT_EQ(scans.uncertain().size(), 1u);
  EXPECT_EQ(scans.uncertain()[0].path, "/a");
}

TEST(Evidence, ChangeTimesDecideWhereBothAreKnown) {
  const struct {
    const char* name;
    std::int64_t mtime, ctime, other_mtime, other_ctime;
    int want;
  } cases[] = {
      {"nothing but mtimes", 5, 0, 4, 0, 1},
      {"one ctime is not known", 5, 9, 6, 0, -1},
      {"restored with an old mtime", 1, 9, 6, 6, 1},
      {"set to the future, then looked at late", 99, 5, 6, 6, -1},
      {"same ctime", 5, 9, 6, 9, -1},
      {"all the same", 5, 9, 5, 9, 0},
  };
  for (const auto& c : cases) {
    EntryAttrs row;
    row.mtime_ns = c.mtime;
    row.ctime_ns = c.ctime;
    EntryAttrs have;
    have.mtime_ns = c.other_mtime;
    have.ctime_ns = c.other_ctime;
    const auto age = CompareAge(row, have);
    EXPECT_EQ(age > 0 ? 1 : age < 0 ? -1 : 0, c.want) << c.name;
  }
}

TEST(Evidence, DifferencesOfTimesDoNotOverflow) {
  EXPECT_EQ(SaturatingSub(INT64_MAX, -1), INT64_MAX);
  EXPECT_EQ(SaturatingSub(INT64_MIN, 1), INT64_MIN);
  EXPECT_EQ(SaturatingSub(5, 7), -2);
}

}  // namespace
}  // namespace fustor::fusion
