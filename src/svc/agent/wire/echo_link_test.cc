#include "svc/agent/wire/echo_link.h"

#include <gtest/gtest.h>

namespace fustor::agent {
namespace {

EntryAttrs Attrs(EntryKind kind) {
  EntryAttrs attrs;
  attrs.kind = kind;
  attrs.size_bytes = 5;
  attrs.mtime_ns = 1'700'000'000'500'000'000;
  attrs.uid = 7;
  return attrs;
}

TEST(EchoLines, ARowALine) {
  batch::Batch scan;
  scan.sequence = 1;
  scan.source = batch::Source::kSnapshot;
  scan.mark = batch::ScanMark::kEnd;
  batch::DirBlock& block = scan.blocks.emplace_back();
  block.path = "/d";
  block.self = Attrs(EntryKind::kDirectory);
  block.complete = true;
  block.rows.Append("f\"\xff", Attrs(EntryKind::kFile), "");
  const std::string head = R"({"task":"h:p","sequence":1,"message_source":"snapshot",)";
  const std::string row = R"("size":5,"modified_time":1700000000.5,"uid":7,"nlink":1)";
  EXPECT_EQ(EchoLines("h:p", scan),
            head + R"("event_type":"insert","path":"/d","is_directory":true,)" + row +
                ",\"entries\":1}\n" + head +
                R"("event_type":"insert","path":"/d/f\"\udcff","is_directory":false,)" + row +
                "}\n" + head + "\"mark\":\"end\"}\n");

  batch::Batch changes;
  changes.sequence = 2;
  changes.lost_events = true;
  batch::Change change;
  change.path = "/l";
  change.attrs = Attrs(EntryKind::kSymlink);
  change.target = "to";
  change.atomic = false;
  changes.changes.push_back(change);
  change.kind = batch::Change::Kind::kMove;
  change.old_path = "/old";
  changes.changes.push_back(change);
  change.kind = batch::Change::Kind::kDelete;
  changes.changes.push_back(change);
  const std::string now = R"({"task":"h:p","sequence":2,"message_source":"realtime",)";
  EXPECT_EQ(EchoLines("h:p", changes),
            now + "\"lost_events\":true}\n" + now +
                R"("event_type":"update","path":"/l","is_directory":false,)" + row +
                R"(,"symlink_target":"to","is_atomic_write":false})" + "\n" + now +
                R"("event_type":"move","path":"/l","old_path":"/old"})" + "\n" + now +
                R"("event_type":"delete","path":"/l"})" + "\n");
}

}  // namespace
}  // namespace fustor::agent
