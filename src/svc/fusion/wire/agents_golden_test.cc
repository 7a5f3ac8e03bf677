// What agents have sent once means the same for ever.
#include <gtest/gtest.h>

#include "adapters/zstd/zstd.h"
#include "svc/agent/wire/report.h"
#include "svc/fusion/wire/agents.h"
#include "svc/fusion/wire/agents_testing.h"
#include "svc/fusion/wire/golden_testing.h"

namespace fustor::fusion {
namespace {

EntryAttrs GoldenAttrs(std::int64_t n) {
  EntryAttrs a;
  a.mode = 0100644;
  a.uid = 1000;
  a.gid = 100;
  a.inode = static_cast<std::uint64_t>(500 + n);
  a.device = 2049;
  a.size_bytes = n * 1000;
  a.allocated_bytes = n * 1024;
  a.mtime_ns = 1'700'000'000'123'456'789 + n * 1'000'003;
  a.ctime_ns = a.mtime_ns + 5;
  a.atime_ns = n == 3 ? std::numeric_limits<std::int64_t>::min() : a.mtime_ns - 7;
  return a;
}

Batch GoldenScan(int rows) {
  Batch b;
  b.sequence = 42;
  b.source = batch::Source::kAudit;
  b.index_ms = 1'700'000'000'123;
  b.scan_id = 9;
  b.mark = batch::ScanMark::kBegin;
  b.scan_path = "/";
  DirBlock& block = b.blocks.emplace_back();
  block.path = "/d\xC3\xA4ta/\xFF";
  block.self = GoldenAttrs(0);
  block.self.kind = EntryKind::kDirectory;
  block.complete = true;
  block.exempt = {"busy"};
  for (int n = 1; n <= rows; ++n) {
    const std::string name = "file-" + std::to_string(1000 + n) + "\xFE";
    EntryAttrs attrs = GoldenAttrs(n);
    if (n == 2) attrs.kind = EntryKind::kSymlink;
    block.rows.Append(name, attrs, n == 2 ? "../elsewhere" : "");
  }
  DirBlock& failed = b.blocks.emplace_back();
  failed.path = "/locked";
  failed.failed = true;
  return b;
}

Batch GoldenChanges() {
  Batch b;
  b.sequence = 7;
  b.index_ms = -1;
  b.lost_events = true;
  b.changes.resize(3);
  b.changes[0].path = "/new file";
  b.changes[0].attrs = GoldenAttrs(4);
  b.changes[0].atomic = false;
  b.changes[1].kind = Change::Kind::kDelete;
  b.changes[1].path = "/old";
  b.changes[2].kind = Change::Kind::kMove;
  b.changes[2].path = "/to";
  b.changes[2].old_path = "/from";
  return b;
}

Batch GoldenAudit() {
  Batch b = GoldenScan(2);
  b.full_every = 8;
  b.blocks[0].unwatched = true;
  DirBlock& silent = b.blocks.emplace_back();
  silent.path = "/as it was";
  silent.self = GoldenAttrs(5);
  silent.self.kind = EntryKind::kDirectory;
  silent.silent = true;
  return b;
}

TEST(Golden, RecordedReportsStillMeanTheSame) {
  const auto compressor = zstd::MakeCompressor();
  const std::pair<std::string, Batch> reports[] = {
      {FUSTOR_GOLDEN_DIR "/agents/report_scan_plain.bin", GoldenScan(3)},
      {FUSTOR_GOLDEN_DIR "/agents/report_scan_zstd.bin", GoldenScan(300)},
      {FUSTOR_GOLDEN_DIR "/agents/report_changes.bin", GoldenChanges()},
      {FUSTOR_GOLDEN_DIR "/agents/report_audit.bin", GoldenAudit()},
  };
  for (const auto& [name, batch] : reports) {
    const std::string bytes = Golden(name, agent::EncodeReport(batch, *compressor));
    const Result<DecodedBatch> decoded = DecodeReport(bytes, *compressor, {});
    ASSERT_TRUE(decoded.ok()) << name << decoded.status().ToString();
    EXPECT_EQ(Describe(decoded->batch), Describe(batch)) << name;
    EXPECT_EQ(decoded->skipped_rows, 0u);
  }
  const std::string start =
      Golden(FUSTOR_GOLDEN_DIR "/agents/report_start.bin", agent::EncodeReportStart("s-1"));
  ExpectHolds(DecodeReportStart(start), std::string("s-1"));
  const std::string answer =
      Golden(FUSTOR_GOLDEN_DIR "/agents/report_answer.bin", EncodeReportAnswer(kReportAnswer));
  ExpectHolds(agent::DecodeReportAnswer(answer), kReportAnswer);
}

TEST(Golden, RecordedSessionMessagesStillMeanTheSame) {
  ExpectHolds(DecodeSessionRequest(Golden(FUSTOR_GOLDEN_DIR "/agents/session_request.bin",
                                          agent::EncodeSessionRequest(kRequest))),
              kRequest);
  ExpectHolds(agent::DecodeSessionGrant(Golden(FUSTOR_GOLDEN_DIR "/agents/session_grant.bin",
                                               EncodeSessionGrant(kGrant))),
              kGrant);
  ExpectHolds(DecodeHeartbeat(Golden(FUSTOR_GOLDEN_DIR "/agents/heartbeat.bin",
                                     agent::EncodeHeartbeat(kHeartbeat))),
              kHeartbeat);
  ExpectHolds(agent::DecodeHeartbeatAnswer(Golden(FUSTOR_GOLDEN_DIR "/agents/heartbeat_answer.bin",
                                                  EncodeHeartbeatAnswer(kHeartbeatAnswer))),
              kHeartbeatAnswer);
  ExpectHolds(DecodeCloseSession(Golden(FUSTOR_GOLDEN_DIR "/agents/close_session.bin",
                                        agent::EncodeCloseSession("s-1"))),
              std::string("s-1"));
}

}  // namespace
}  // namespace fustor::fusion
