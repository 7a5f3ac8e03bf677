#include "svc/agent/wire/json_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapters/json/parse.h"
#include "adapters/json/tape.h"
#include "base/prng.h"
#include "svc/fusion/wire/pushed_events.h"

namespace fustor::agent {
namespace {

using batch::Batch;
using batch::Change;
using batch::DirBlock;
using batch::ScanMark;
using batch::Source;
using testing::ElementsAre;

fusion::PushedEvents Decode(const std::string& body) {
  static const auto parser = json::MakeTapeParser();
  json::Tape tape;
  fusion::PushedEvents pushed;
  fusion::BadField bad;
  const Status parsed = parser->Parse(body, &tape);
  EXPECT_TRUE(parsed.ok()) << parsed.ToString() << body;
  if (!parsed.ok()) return pushed;
  EXPECT_TRUE(fusion::DecodePushedEvents(tape, {}, &pushed, &bad)) << bad.field << bad.text;
  return pushed;
}

std::string RandomName(Prng& random) {
  std::string name;
  for (std::uint64_t n = 1 + random.Below(20); n > 0; --n) {
    name += static_cast<char>(random.Chance(1, 3) ? 1 + random.Below(255) : 'a' + random.Below(9));
    if (name.back() == '/') name.back() = '_';
  }
  return name == "." || name == ".." ? "x" : name;
}

std::string RandomPath(Prng& random) {
  std::string path;
  for (std::uint64_t n = 1 + random.Below(4); n > 0; --n) path += "/" + RandomName(random);
  return path;
}

EntryAttrs RandomAttrs(Prng& random, EntryKind kind) {
  EntryAttrs a;
  a.kind = kind;
  a.mode = static_cast<std::uint32_t>(random.Next());
  a.uid = static_cast<std::uint32_t>(random.Next());
  a.gid = static_cast<std::uint32_t>(random.Next());
  a.nlink = static_cast<std::uint32_t>(random.Next());
  a.inode = random.Next();
  a.device = random.Next();
  a.size_bytes = static_cast<std::int64_t>(random.Next() >> 1);
  a.allocated_bytes = static_cast<std::int64_t>(random.Next() >> 1);
  a.mtime_ns = static_cast<std::int64_t>(random.Next());
  a.ctime_ns = static_cast<std::int64_t>(random.Next());
  a.atime_ns = static_cast<std::int64_t>(random.Next());
  return a;
}

EntryKind RandomKind(Prng& random) { return static_cast<EntryKind>(random.Below(4)); }

Change RandomChange(Prng& random) {
  Change change;
  change.kind = static_cast<Change::Kind>(1 + random.Below(3));
  change.path = RandomPath(random);
  if (change.kind == Change::Kind::kMove) {
    change.old_path = RandomPath(random);
    change.moved = static_cast<Change::Moved>(random.Below(3));
    change.moved_inode = random.Next() >> random.Below(64);
  }
  if (change.kind != Change::Kind::kUpsert) return change;
  change.attrs = RandomAttrs(random, RandomKind(random));
  if (change.attrs.kind == EntryKind::kSymlink) change.target = RandomPath(random);
  change.atomic = random.Chance(1, 2);
  return change;
}

DirBlock RandomBlock(Prng& random) {
  DirBlock block;
  block.path = random.Chance(1, 5) ? "/" : RandomPath(random);
  if (random.Chance(4, 5)) block.self = RandomAttrs(random, EntryKind::kDirectory);
  block.failed = random.Chance(1, 5);
  block.silent = random.Chance(1, 5);
  block.complete = !block.failed && !block.silent && random.Chance(1, 2);
  for (std::uint64_t n = random.Below(3); n > 0; --n) block.exempt.push_back(RandomName(random));
  std::set<std::string> names;
  for (std::uint64_t n = random.Below(60); n > 0; --n) names.insert(RandomName(random));
  for (const std::string& name : names) {
    const EntryKind kind = RandomKind(random);
    block.rows.Append(name, RandomAttrs(random, kind),
                      kind == EntryKind::kSymlink ? RandomPath(random) : "");
  }
  return block;
}

Batch RandomBatch(Prng& random) {
  Batch batch;
  batch.source = static_cast<Source>(1 + random.Below(4));
  batch.index_ms = static_cast<std::int64_t>(random.Below(1'000'000)) - 1;
  batch.scan_id = random.Below(9);
  batch.mark = static_cast<ScanMark>(random.Below(3));
  if (batch.mark == ScanMark::kBegin) {
    batch.scan_path = RandomPath(random);
    batch.begun_ago_ms = random.Between(0, 3);
  }
  if (batch.source == Source::kJob) batch.job_id = "job";
  batch.lost_events = random.Chance(1, 4);
  const bool changes = batch.source == Source::kRealtime && random.Chance(2, 3);
  for (std::uint64_t n = random.Below(20); n > 0; --n) {
    if (changes) {
      batch.changes.push_back(RandomChange(random));
    } else {
      batch.blocks.push_back(RandomBlock(random));
    }
  }
  return batch;
}

std::string ToText(const EntryAttrs& a) {
  std::string text;
  for (const std::uint64_t n :
       {std::uint64_t{a.mode}, std::uint64_t{a.uid}, std::uint64_t{a.gid}, std::uint64_t{a.nlink},
        a.inode, a.device, static_cast<std::uint64_t>(a.size_bytes),
        static_cast<std::uint64_t>(a.allocated_bytes), static_cast<std::uint64_t>(a.mtime_ns),
        static_cast<std::uint64_t>(a.ctime_ns), static_cast<std::uint64_t>(a.atime_ns),
        static_cast<std::uint64_t>(a.kind)}) {
    text += std::to_string(n) + " ";
  }
  return text;
}

std::string ToText(const Batch& b) {
  std::string text = std::to_string(b.sequence) + " " + std::to_string(static_cast<int>(b.source)) +
                     " " + std::to_string(b.index_ms) + " " + std::to_string(b.scan_id) + " " +
                     std::to_string(static_cast<int>(b.mark)) + b.scan_path + b.job_id + " " +
                     std::to_string(b.begun_ago_ms) + (b.lost_events ? " lost" : "") +
                     (b.loose ? " loose" : "") + "\n";
  for (const Change& c : b.changes) {
    text += std::to_string(static_cast<int>(c.kind)) + c.path + " " + c.old_path + " " +
            std::to_string(static_cast<int>(c.moved)) + " " + std::to_string(c.moved_inode) + " " +
            ToText(c.attrs) + c.target + (c.atomic ? "" : " partial") + "\n";
  }
  for (const DirBlock& d : b.blocks) {
    text += d.path + " " + ToText(d.self) + (d.complete ? " complete" : "") +
            (d.failed ? " failed" : "") + (d.silent ? " silent" : "");
    for (const std::string& name : d.exempt) text += " -" + name;
    text += "\n";
    for (std::size_t i = 0; i < d.rows.size(); ++i) {
      text += " " + std::string(d.rows.name(i)) + " " + ToText(d.rows.attrs(i)) +
              std::string(d.rows.target(i)) + "\n";
    }
  }
  return text;
}

TEST(NumberedReport, AnyBatchArrivesAsItWasInHoweverManyParts) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    fusion::NumberedBatches inbox;
    for (std::uint64_t sequence = 1; sequence <= 3; ++sequence) {
      Batch batch = RandomBatch(random);
      batch.sequence = sequence;
      const std::size_t bytes_max =
          random.Chance(1, 2) ? std::size_t{1} << 20 : 1 + random.Below(20'000);
      const NumberedReport report(batch, bytes_max);
      std::vector<Batch> taken;
      for (std::size_t part = 0; part < report.parts(); ++part) {
        // A request may come again at any time.
        for (std::uint64_t times = 1 + random.Below(2); times > 0; --times) {
          fusion::PushedEvents pushed = Decode(report.Part(part));
          ASSERT_TRUE(pushed.numbered);
          EXPECT_EQ(pushed.rejected, 0);
          Result<std::vector<Batch>> whole =
              inbox.Take(std::move(pushed.batches.at(0)), pushed.part);
          ASSERT_TRUE(whole.ok()) << whole.status().ToString();
          for (Batch& each : *whole) taken.push_back(std::move(each));
        }
      }
      ASSERT_EQ(taken.size(), 1);
      EXPECT_EQ(ToText(taken[0]), ToText(batch));
    }
  }
}

TEST(NumberedReport, NoPartIsMuchLargerThanItsLimit) {
  Batch batch;
  batch.sequence = 1;
  batch.source = Source::kSnapshot;
  DirBlock& block = batch.blocks.emplace_back();
  block.path = "/d";
  for (int i = 0; i < 20'000; ++i) {
    block.rows.Append("name-" + std::to_string(100'000 + i) + std::string(100, '\xff'),
                      EntryAttrs());
  }
  const NumberedReport report(batch, 1 << 20);
  EXPECT_GT(report.parts(), 10);
  for (std::size_t i = 0; i < report.parts(); ++i) EXPECT_LE(report.Part(i).size(), 1 << 20);
}

TEST(NumberedReport, WhatIsMissingBeforeABatchIsNoticed) {
  fusion::NumberedBatches inbox;
  const auto take = [&inbox](std::uint64_t sequence, std::uint32_t part, std::uint32_t parts) {
    Batch batch;
    batch.sequence = sequence;
    return inbox.Take(std::move(batch), {part, parts}).status().code();
  };
  EXPECT_EQ(take(2, 0, 1), Code::kFailedPrecondition);
  EXPECT_EQ(take(1, 1, 2), Code::kFailedPrecondition);
  EXPECT_EQ(take(1, 0, 2), Code::kOk);
  EXPECT_EQ(take(2, 0, 1), Code::kFailedPrecondition);
  EXPECT_EQ(take(1, 1, 2), Code::kOk);
  EXPECT_EQ(take(1, 1, 2), Code::kOk);
  EXPECT_EQ(take(2, 0, 1), Code::kOk);
}

TEST(PlainReport, SaysWhatRowsCanSay) {
  Batch batch;
  batch.sequence = 4;
  batch.index_ms = 1500;
  for (const char* path : {"/a", "/b\xff"}) {
    Change& change = batch.changes.emplace_back();
    change.path = path;
    change.attrs.mtime_ns = 1'500'000'000;
    change.atomic = path[1] == 'a';
  }
  batch.changes.emplace_back().kind = Change::Kind::kDelete;
  batch.changes.back().path = "/c";
  batch.changes.emplace_back().kind = Change::Kind::kMove;
  batch.changes.back().path = "/e";
  batch.changes.back().old_path = "/d";
  const PlainReport report(batch, "s");
  EXPECT_TRUE(report.lost_moves());
  const std::string row =
      R"("size":0,"modified_time":1.5,"created_time":0,"is_directory":false,"is_atomic_write":)";
  const auto event = [](const std::string& type, const std::string& rows) {
    return R"({"event_id":null,"timestamp":1.5,"event_type":")" + type +
           R"(","event_schema":"fs","table":"files","index":1500,"message_source":"realtime",)" +
           R"("metadata":{},"fields":["path","file_name","size","modified_time","created_time",)" +
           R"("is_directory"],"rows":[)" + rows + "]}";
  };
  EXPECT_THAT(
      report.Bodies(),
      ElementsAre(
          R"({"session_id":"s","source_type":"message","events":[)" +
          event("update", R"({"path":"/a","file_name":"a",)" + row + "true}," +
                              R"({"path":"/b\udcff","file_name":"b\udcff",)" + row + "false}") +
          "," + event("delete", R"({"path":"/c"},{"path":"/d"})") + R"(],"is_end":false})"));
}

TEST(PlainReport, RowsArriveInBodiesThatOldFusionsTake) {
  Batch batch;
  batch.source = Source::kSnapshot;
  batch.mark = ScanMark::kEnd;
  DirBlock& block = batch.blocks.emplace_back();
  block.path = "/d";
  block.self.kind = EntryKind::kDirectory;
  for (int i = 0; i < 25'000; ++i) {
    block.rows.Append("name-" + std::to_string(100'000 + i), EntryAttrs());
  }
  const std::vector<std::string> bodies = PlainReport(batch, "s").Bodies();
  ASSERT_EQ(bodies.size(), 3);
  std::uint64_t rows = 0;
  for (const std::string& body : bodies) {
    const fusion::PushedEvents pushed = Decode(body);
    EXPECT_EQ(pushed.rejected, 0);
    EXPECT_LE(pushed.events, 100);
    EXPECT_EQ(pushed.ends.has_value(), &body == &bodies.back());
    rows += pushed.rows;
  }
  EXPECT_EQ(rows, 25'001);
  batch.blocks.clear();
  EXPECT_EQ(PlainReport(batch, "s").Bodies().size(), 1);  // The end itself.
  batch.mark = ScanMark::kNone;
  EXPECT_EQ(PlainReport(batch, "s").Bodies().size(), 0);
}

}  // namespace
}  // namespace fustor::agent
