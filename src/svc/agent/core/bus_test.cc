#include "svc/agent/core/bus.h"

#include <gtest/gtest.h>

namespace fustor::agent {
namespace {

batch::DirBlock BlockOf(std::size_t rows) {
  batch::DirBlock block;
  block.complete = true;
  for (std::size_t i = 0; i < rows; ++i) {
    std::string name = std::to_string(i);
    name.insert(0, 8 - name.size(), '0');
    block.rows.Append(name, {}, {});
  }
  return block;
}

std::size_t BytesOf(std::size_t rows) { return BlockOf(rows).rows.size_bytes(); }

// Every row arrives once and in order, no batch is much over the limit, and no part claims to be
// the whole.
TEST(Bus, AHugeListingLeavesInParts) {
  for (const bool realtime : {false, true}) {
    Bus::Options options;
    options.batch_bytes_max = BytesOf(100);
    Bus bus(options);
    DirTable dirs;
    const DirKey small = dirs.Add(DirTable::kRoot, "small", 2);
    if (realtime) {
      batch::DirBlock block = BlockOf(1000);
      block.path = "/";
      bus.Push(std::move(block));
      block = BlockOf(3);
      block.path = "/small";
      bus.Push(std::move(block));
    } else {
      bus.BeginScan(1, batch::Source::kSnapshot, "/");
      bus.PushScanned(1, DirTable::kRoot, BlockOf(1000));
      bus.PushScanned(1, small, BlockOf(3));
      bus.EndScan(1);
    }
    std::size_t next = 0;
    std::size_t batches = 0;
    bool saw_small = false;
    while (!bus.empty()) {
      const std::optional<batch::Batch> batch = bus.Take(dirs);
      ASSERT_TRUE(batch.has_value());
      ++batches;
      EXPECT_EQ(batch->source, realtime ? batch::Source::kRealtime : batch::Source::kSnapshot);
      EXPECT_EQ(batch->scan_id, realtime ? 0u : 1u);
      for (const batch::DirBlock& block : batch->blocks) {
        if (block.path == "/small") {
          EXPECT_TRUE(block.complete);
          EXPECT_EQ(next, 1000u) << "in order";
          saw_small = true;
          continue;
        }
        EXPECT_EQ(block.path, "/");
        EXPECT_FALSE(block.complete);
        EXPECT_LE(block.rows.size(), 101u);
        for (std::size_t i = 0; i < block.rows.size(); ++i) {
          EXPECT_EQ(std::stoul(std::string(block.rows.name(i))), next++);
        }
      }
    }
    EXPECT_EQ(next, 1000u);
    EXPECT_TRUE(saw_small);
    EXPECT_GE(batches, 10u);
    EXPECT_EQ(bus.realtime_bytes() + bus.scan_bytes(), 0u);
  }
}

// What the directory was when it was listed must not undo what has been told of it since, nor must
// old names look new.
TEST(Bus, AListingThatWaitsSaysHowOldItIsOrNothing) {
  struct Case {
    batch::Source source;
    std::int64_t told_ctime_ns;
    std::int64_t leaves_with_ctime_ns;
  };
  for (const Case& c :
       {Case{batch::Source::kSnapshot, 200, 0}, Case{batch::Source::kAudit, 200, 100},
        Case{batch::Source::kAudit, 100, 0}}) {
    Bus bus{Bus::Options()};
    bus.BeginScan(1, c.source, "/");
    batch::DirBlock block;
    block.self.kind = EntryKind::kDirectory;
    block.self.inode = 2;
    block.self.ctime_ns = 100;
    EntryAttrs told = block.self;
    told.ctime_ns = c.told_ctime_ns;
    bus.PushScanned(1, DirTable::kRoot, std::move(block));
    bus.HideSelf(DirTable::kRoot, told);
    const DirTable dirs;
    const std::optional<batch::Batch> batch = bus.Take(dirs);
    ASSERT_TRUE(batch && batch->blocks.size() == 1);
    EXPECT_EQ(batch->blocks.front().self.ctime_ns, c.leaves_with_ctime_ns);
  }
}

TEST(Bus, PartsKeepTheirPlaceBeforeALaterRename) {
  Bus::Options options;
  options.batch_bytes_max = BytesOf(10);
  Bus bus(options);
  DirTable dirs;
  const DirKey dir = dirs.Add(DirTable::kRoot, "old", 2);
  bus.PushScanned(1, dir, BlockOf(30));
  ASSERT_EQ(bus.Take(dirs)->blocks.at(0).path, "/old");
  dirs.Move(dir, DirTable::kRoot, "new");
  batch::Change move;
  move.kind = batch::Change::Kind::kMove;
  move.old_path = "/old";
  move.path = "/new";
  bus.Push(std::move(move));
  std::vector<std::string> seen;
  while (!bus.empty()) {
    const std::optional<batch::Batch> batch = bus.Take(dirs);
    seen.push_back(batch->blocks.empty() ? "move" : batch->blocks[0].path);
  }
  EXPECT_EQ(seen.front(), "/old");
  EXPECT_EQ(seen.back(), "move");
}

TEST(Bus, BatchesAreBoundedInBytesToo) {
  Bus::Options options;
  options.batch_bytes_max = 10'000;
  Bus bus(options);
  DirTable dirs;
  for (int i = 0; i < 100; ++i) {
    batch::Change change;
    change.path = "/" + std::to_string(i);
    change.target = std::string(4'000, 't');
    bus.Push(std::move(change));
  }
  std::size_t changes = 0;
  while (!bus.empty()) {
    const std::optional<batch::Batch> batch = bus.Take(dirs);
    EXPECT_LE(batch->changes.size(), 3u);
    changes += batch->changes.size();
  }
  EXPECT_EQ(changes, 100u);
}

TEST(Bus, AFullRealtimeLaneDropsAllAndSaysSo) {
  Bus::Options options;
  options.realtime_bytes_max = 10'000;
  Bus bus(options);
  DirTable dirs;
  for (int i = 0; i < 1000 && !bus.TakeOverflow(); ++i) {
    batch::Change change;
    change.path = "/" + std::to_string(i);
    bus.Push(std::move(change));
  }
  EXPECT_LE(bus.realtime_bytes(), options.realtime_bytes_max);
  const std::optional<batch::Batch> batch = bus.Take(dirs);
  ASSERT_TRUE(batch.has_value());
  EXPECT_TRUE(batch->lost_events);
  EXPECT_TRUE(bus.empty());
}

// Nobody may have listened for a while.
TEST(Bus, ABeginSaysHowLongItHasWaited) {
  Bus bus;
  DirTable dirs;
  bus.Tick(Instant() + Seconds(10));
  bus.BeginScan(1, batch::Source::kAudit, "/");
  bus.BeginJob(2, "job", "/", true);
  bus.Tick(Instant() + Seconds(14));
  EXPECT_EQ(bus.Take(dirs)->begun_ago_ms, 4'000);
  bus.Tick(Instant() + Seconds(15));
  EXPECT_EQ(bus.Take(dirs)->begun_ago_ms, 5'000);
}

// What Fusion takes for a whole scan must be one.
TEST(Bus, AScanThatALaterOneTookListingsFromNeverEnds) {
  Bus bus;
  DirTable dirs;
  bus.BeginScan(1, batch::Source::kSnapshot, "/");
  bus.PushScanned(1, DirTable::kRoot, BlockOf(3));
  bus.EndScan(1);
  bus.BeginScan(2, batch::Source::kAudit, "/");
  bus.PushScanned(2, DirTable::kRoot, BlockOf(2));
  bus.EndScan(2);
  std::vector<std::uint64_t> ended;
  std::size_t rows = 0;
  while (!bus.empty()) {
    const std::optional<batch::Batch> batch = bus.Take(dirs);
    if (!batch) continue;
    if (batch->mark == batch::ScanMark::kEnd) ended.push_back(batch->scan_id);
    for (const batch::DirBlock& block : batch->blocks) rows += block.rows.size();
  }
  EXPECT_EQ(ended, std::vector<std::uint64_t>{2});
  EXPECT_EQ(rows, 2u);
}

}  // namespace
}  // namespace fustor::agent
