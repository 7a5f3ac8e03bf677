#include "svc/fusion/core/pushed_scans.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fustor::fusion {
namespace {

using batch::Batch;
using batch::Source;
using testing::ElementsAre;
using testing::IsEmpty;

Batch Of(Source source) {
  Batch batch;
  batch.source = source;
  batch.blocks.emplace_back().path = "/";
  return batch;
}

// "sequence source scan mark", the mark as ( at a begin and ) at an end.
std::vector<std::string> Told(const std::vector<Batch>& batches) {
  std::vector<std::string> told;
  for (const Batch& batch : batches) {
    const char* marks[] = {"", "(", ")"};
    told.push_back(std::to_string(batch.sequence) + " rsaj"[static_cast<int>(batch.source)] +
                   std::to_string(batch.scan_id) + marks[static_cast<int>(batch.mark)]);
    EXPECT_EQ(batch.scan_path, batch.mark == batch::ScanMark::kBegin ? "/" : "");
  }
  return told;
}

std::vector<Batch> List(std::vector<Source> sources) {
  std::vector<Batch> list;
  for (const Source source : sources) list.push_back(Of(source));
  return list;
}

TEST(PushedScans, RowsBeginAScanAndItsEndEndsIt) {
  PushedScans scans;
  EXPECT_THAT(Told(scans.Take(List({Source::kSnapshot}), std::nullopt)), ElementsAre("1s1("));
  EXPECT_THAT(Told(scans.Take(List({Source::kRealtime, Source::kSnapshot}), Source::kSnapshot)),
              ElementsAre("2r0", "3s1", "4s1)"));
  EXPECT_THAT(scans.Take({}, Source::kSnapshot), IsEmpty());  // Said twice.
  EXPECT_THAT(Told(scans.Take(List({Source::kSnapshot}), Source::kSnapshot)),
              ElementsAre("5s2(", "6s2)"));
}

TEST(PushedScans, AnEndBeforeAnyRowSaysThatTheTreeIsEmpty) {
  PushedScans scans;
  EXPECT_THAT(Told(scans.Take({}, Source::kSnapshot)), ElementsAre("1s1(", "2s1)"));
  EXPECT_THAT(scans.Take({}, Source::kSnapshot), IsEmpty());
  EXPECT_THAT(scans.Take({}, Source::kAudit), IsEmpty());  // Of an audit it says nothing.
}

TEST(PushedScans, ScansOfDifferentSourcesRunBesideEachOther) {
  PushedScans scans;
  EXPECT_THAT(Told(scans.Take(List({Source::kSnapshot, Source::kAudit, Source::kJob}), {})),
              ElementsAre("1s1(", "2a2(", "3j3"));
  EXPECT_THAT(Told(scans.Take(List({Source::kAudit}), Source::kJob)), ElementsAre("4a2", "5j3)"));
  EXPECT_THAT(Told(scans.Take({}, Source::kAudit)), ElementsAre("6a2)"));
  EXPECT_THAT(Told(scans.Take({}, Source::kSnapshot)), ElementsAre("7s1)"));
}

TEST(PushedScans, AnAuditMayBeginWithoutRows) {
  PushedScans scans;
  EXPECT_THAT(Told(scans.Begin(Source::kAudit)), ElementsAre("1a1("));
  EXPECT_THAT(scans.Begin(Source::kAudit), IsEmpty());
  EXPECT_THAT(Told(scans.Take(List({Source::kAudit}), Source::kAudit)), ElementsAre("2a1", "3a1)"));
}

}  // namespace
}  // namespace fustor::fusion
