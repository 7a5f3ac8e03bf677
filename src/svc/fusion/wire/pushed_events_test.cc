#include "svc/fusion/wire/pushed_events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "adapters/json/tape.h"
#include "base/json_writer.h"
#include "base/path.h"
#include "base/prng.h"
#include "svc/fusion/wire/pushed_rows.h"

namespace fustor::fusion {
namespace {

using batch::Change;
using batch::Source;
using testing::ElementsAre;
using testing::IsEmpty;

struct Outcome {
  bool valid = false;
  PushedEvents pushed;
  BadField bad;
};

Outcome Decode(const std::string& body, const PushLimits& limits = {}) {
  static const auto parser = json::MakeTapeParser();
  json::Tape tape;
  Outcome outcome;
  const Status parsed = parser->Parse(body, &tape);
  EXPECT_TRUE(parsed.ok()) << parsed.ToString() << "\n" << body;
  if (parsed.ok()) {
    outcome.valid = DecodePushedEvents(tape, limits, &outcome.pushed, &outcome.bad);
  }
  return outcome;
}

// A body with one event per list of rows.
std::string Body(const std::string& source, const std::string& type, const std::string& rows) {
  return R"({"events":[{"event_id":null,"timestamp":1.5,"event_type":")" + type +
         R"(","fields":[],"rows":[)" + rows + R"(],"index":1700,"message_source":")" + source +
         R"(","metadata":{}}],"source_type":")" + source + R"(","is_end":false})";
}

PushedEvents Snapshot(const std::string& rows, std::uint64_t rejected = 0) {
  Outcome outcome = Decode(Body("snapshot", "insert", rows));
  EXPECT_TRUE(outcome.valid);
  EXPECT_EQ(outcome.pushed.rejected, rejected) << rows;
  return std::move(outcome.pushed);
}

std::vector<std::string> NamesOf(const batch::DirBlock& block) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < block.rows.size(); ++i) names.emplace_back(block.rows.name(i));
  return names;
}

TEST(PushedEvents, RowsBecomeBlocksOfTheirDirectories) {
  const PushedEvents pushed = Snapshot(
      R"({"path":"/d/y","size":2,"modified_time":10.5,"created_time":11,"is_directory":false},)"
      R"({"path":"/d/sub","is_directory":true,"modified_time":7},)"
      R"({"path":"/d/x","size":1},{"file_path":"/d/sub/z","is_dir":false},)"
      R"({"path":"/","file_name":"","is_directory":true,"modified_time":3})");
  ASSERT_EQ(pushed.batches.size(), 1);
  const batch::Batch& batch = pushed.batches[0];
  EXPECT_EQ(batch.source, Source::kSnapshot);
  EXPECT_EQ(batch.index_ms, 1700);
  EXPECT_TRUE(batch.loose);
  ASSERT_EQ(batch.blocks.size(), 3);
  EXPECT_EQ(batch.blocks[0].path, "/");
  EXPECT_EQ(batch.blocks[0].self.mtime_ns, 3'000'000'000);
  EXPECT_EQ(batch.blocks[1].path, "/d");
  EXPECT_FALSE(batch.blocks[1].self.is_directory());  // Its own row was not there.
  EXPECT_THAT(NamesOf(batch.blocks[1]), ElementsAre("x", "y"));
  EXPECT_EQ(batch.blocks[1].rows.attrs(1).mtime_ns, 10'500'000'000);
  EXPECT_EQ(batch.blocks[1].rows.attrs(1).ctime_ns, 11'000'000'000);
  EXPECT_EQ(batch.blocks[1].rows.attrs(1).mode, 0100000);
  EXPECT_EQ(batch.blocks[1].rows.attrs(1).allocated_bytes, 4096);
  EXPECT_EQ(batch.blocks[2].path, "/d/sub");
  EXPECT_TRUE(batch.blocks[2].self.is_directory());
  for (const batch::DirBlock& block : batch.blocks) EXPECT_FALSE(block.complete);
}

TEST(PushedEvents, RowsMayBeListsThatFieldsName) {
  const Outcome outcome =
      Decode(R"({"events":[{"rows":[["/a",5,"?"],["/b",6]],"fields":["path","size","unknown"],)"
             R"("event_type":"update","message_source":"realtime"}]})");
  ASSERT_EQ(outcome.pushed.batches.size(), 1);
  const std::vector<Change>& changes = outcome.pushed.batches[0].changes;
  ASSERT_EQ(changes.size(), 2);
  EXPECT_EQ(changes[1].path, "/b");
  EXPECT_EQ(changes[1].attrs.size_bytes, 6);
}

TEST(PushedEvents, ChangesKeepTheirOrder) {
  const Outcome outcome = Decode(
      R"({"source_type":"message","events":[)"
      R"({"event_type":"insert","rows":[{"path":"/a","is_atomic_write":false}],"message_source":"realtime"},)"
      R"({"event_type":"delete","rows":[{"path":"b//./c/"},{"path":"/d"}]},)"
      R"({"event_type":"move","rows":[{"path":"/e","old_path":"/f"},{"path":"/g"},)"
      R"({"path":"/h","old_path":"/i","moved":1,"inode":7},{"path":"/j","old_path":"/k","moved":3}]}]})");
  ASSERT_EQ(outcome.pushed.batches.size(), 1);
  EXPECT_EQ(outcome.pushed.rejected, 1);  // A move from nowhere.
  std::vector<std::string> told;
  for (const Change& change : outcome.pushed.batches[0].changes) {
    told.push_back(std::to_string(static_cast<int>(change.kind)) + change.path + change.old_path +
                   (change.atomic ? "" : "~") +
                   (change.moved == Change::Moved::kDirectory ? "/" : "") +
                   (change.moved_inode != 0 ? std::to_string(change.moved_inode) : ""));
  }
  EXPECT_THAT(told, ElementsAre("1/a~", "2/b/c", "2/d", "3/e/f", "3/h/i/7", "3/j/k"));
}

TEST(PushedEvents, TheMessageSourceOfAnEventDecides) {
  const Outcome outcome =
      Decode(R"({"source_type":"whatever","is_end":true,"events":[)"
             R"({"event_type":"insert","rows":[{"path":"/a"}],"message_source":"snapshot"},)"
             R"({"event_type":"insert","rows":[{"path":"/b"}],"message_source":"snapshot"},)"
             R"({"event_type":"insert","rows":[{"path":"/c"}],"message_source":"realtime"},)"
             R"({"event_type":"insert","rows":[{"path":"/d"}],"message_source":"audit"}]})");
  std::vector<Source> sources;
  for (const batch::Batch& batch : outcome.pushed.batches) sources.push_back(batch.source);
  EXPECT_THAT(sources, ElementsAre(Source::kSnapshot, Source::kRealtime, Source::kAudit));
  EXPECT_EQ(outcome.pushed.ends, Source::kAudit);
  EXPECT_EQ(Decode(R"({"events":[],"source_type":"snapshot","is_end":true})").pushed.ends,
            Source::kSnapshot);
  EXPECT_EQ(Decode(R"({"events":[],"source_type":"message","is_end":true})").pushed.ends,
            std::nullopt);
  const Outcome job =
      Decode(R"({"events":[],"source_type":"scan_complete","metadata":{"job_id":"ab"}})");
  EXPECT_EQ(job.pushed.ends, Source::kJob);
  EXPECT_EQ(job.pushed.job_id, "ab");
}

TEST(PushedEvents, AuditsTellOfTheirDirectories) {
  const Outcome outcome = Decode(Body("audit", "insert",
                                      R"({"path":"/s","is_directory":true,"audit_skipped":true},)"
                                      R"({"path":"/d/a","parent_path":"/d","parent_mtime":20},)"
                                      R"({"path":"/d/b","parent_path":"/d","parent_mtime":19.5})"));
  const std::vector<batch::DirBlock>& blocks = outcome.pushed.batches.at(0).blocks;
  ASSERT_EQ(blocks.size(), 2);
  EXPECT_EQ(blocks[0].seen_mtime_ns, 19'500'000'000);
  EXPECT_TRUE(blocks[1].silent);
}

TEST(PushedEvents, OfRowsOfOnePathTheLastStays) {
  const PushedEvents pushed = Snapshot(
      R"({"path":"/b","size":1},{"path":"/a","size":2},{"path":"/b","size":3},{"path":"/a","size":4},)"
      R"({"path":"/d","is_directory":true,"size":5},{"path":"/d","is_directory":true,"size":6})");
  const batch::DirBlock& root = pushed.batches.at(0).blocks.at(0);
  ASSERT_THAT(NamesOf(root), ElementsAre("a", "b"));
  EXPECT_EQ(root.rows.attrs(0).size_bytes, 4);
  EXPECT_EQ(root.rows.attrs(1).size_bytes, 3);
  EXPECT_EQ(pushed.batches[0].blocks.at(1).self.size_bytes, 6);
}

TEST(PushedEvents, BadRowsAreLeftOutAndCounted) {
  const std::string long_name(256, 'n');
  for (const std::string& row : {
           std::string(R"({"size":1})"),
           std::string(R"({"path":""})"),
           std::string(R"({"path":null})"),
           std::string(R"({"path":7})"),
           std::string(R"({"path":"/a/../b"})"),
           std::string(R"({"path":"/a\u0000b"})"),
           R"({"path":"/)" + long_name + "\"}",
           R"({"path":"/a/)" + long_name + "\",\"is_directory\":true}",
           std::string(R"({"path":"/a","size":-1})"),
           std::string(R"({"path":"/a","size":1.5})"),
           std::string(R"({"path":"/a","size":1e30})"),
           std::string(R"({"path":"/a","size":18446744073709551615})"),
           std::string(R"({"path":"/a","size":"1"})"),
           std::string(R"({"path":"/a","modified_time":"now"})"),
           std::string(R"({"path":"/a","modified_time_ns":1.5})"),
           std::string(R"({"path":"/a","is_directory":"yes"})"),
           std::string(R"({"path":"/a","is_directory":2})"),
           std::string(R"({"path":"/a","mode":-1})"),
           std::string(R"({"path":"/a","mode":4294967296})"),
           std::string(R"({"path":"/a","symlink_target":"x\u0000"})"),
           std::string(R"({"path":"/"})"),
           std::string("7"),
           std::string("null"),
           std::string("[]"),
           std::string(R"(["/a"])"),
       }) {
    const PushedEvents pushed = Snapshot(row + R"(,{"path":"/good"})", 1);
    ASSERT_EQ(pushed.batches.size(), 1) << row;
    EXPECT_THAT(NamesOf(pushed.batches[0].blocks.at(0)), ElementsAre("good")) << row;
    EXPECT_EQ(pushed.rows, 1);
  }
  const Outcome outcome = Decode(
      R"({"events":[1,null,{},{"event_type":"delete","rows":[{"path":"/a"}],"message_source":"audit"},)"
      R"({"event_type":"insert"},{"event_type":"truncate","rows":[{"path":"/a"}]},)"
      R"({"event_type":"insert","rows":[]}]})");
  EXPECT_EQ(outcome.pushed.events, 7);
  EXPECT_EQ(outcome.pushed.rejected, 6);
  EXPECT_THAT(outcome.pushed.batches, IsEmpty());
}

// Else what is missing in it would be deleted.
TEST(PushedEvents, AListingThatWasNotLookedAtIsNeverComplete) {
  for (const std::string what : {"silent", "failed"}) {
    const Outcome outcome =
        Decode(R"({"batch":{"sequence":1,"source":"audit"},"events":[{"event_type":"listing",)"
               R"("path":"/","complete":true,")" +
               what + R"(":true,"rows":[]}]})");
    ASSERT_TRUE(outcome.valid) << outcome.bad.text;
    EXPECT_FALSE(outcome.pushed.batches.at(0).blocks.at(0).complete) << what;
  }
}

TEST(PushedEvents, BadBodiesAreNamed) {
  const std::pair<std::string, std::string> cases[] = {
      {"[]", ""},
      {"7", ""},
      {R"({"events":{}})", "events"},
      {R"({"events":7})", "events"},
      {R"({"is_end":"yes"})", "is_end"},
      {R"({"is_snapshot_end":1})", "is_snapshot_end"},
      {R"({"source_type":[]})", "source_type"},
      {R"({"session_id":7})", "session_id"},
      {R"({"metadata":{"job_id":7}})", "job_id"},
      {R"({"source_type":")" + std::string(2000, 'x') + "\"}", "source_type"},
  };
  for (const auto& [body, field] : cases) {
    const Outcome outcome = Decode(body);
    EXPECT_FALSE(outcome.valid) << body;
    EXPECT_EQ(outcome.bad.field, field) << body;
  }
  EXPECT_EQ(
      BadFieldJson({"events", "must be a list"}),
      R"({"detail":[{"loc":["body","events"],"msg":"must be a list","type":"value_error"}]})");
  // Why something went wrong may be a long story: no reason to refuse it.
  const Outcome failed =
      Decode(R"({"source_type":"job_complete","metadata":{"job_id":"j","error":")" +
             std::string(5000, 'x') + "\"}}");
  EXPECT_TRUE(failed.valid);
  EXPECT_EQ(failed.pushed.job_error.size(), 4096);
  PushLimits few;
  few.rows_max = 2;
  EXPECT_EQ(Decode(Body("snapshot", "insert", R"({"path":"/a"},{"path":"/b"},7)"), few).bad.field,
            "events");
  few = {};
  few.events_max = 1;
  EXPECT_FALSE(Decode(R"({"events":[7,7]})", few).valid);
}

TEST(PushedEvents, TimesAreTheNearestToTheDouble) {
  EXPECT_EQ(NanosOf(0), 0);
  EXPECT_EQ(NanosOf(-0.5), -500'000'000);
  EXPECT_EQ(NanosOf(1'700'000'000.25), 1'700'000'000'250'000'000);
  EXPECT_EQ(NanosOf(-2'177'452'800), -2'177'452'800'000'000'000);  // 1901
  EXPECT_EQ(NanosOf(253'402'300'799.0), INT64_MAX);                // 9999
  EXPECT_EQ(NanosOf(1e300), INT64_MAX);
  EXPECT_EQ(NanosOf(-1e300), INT64_MIN);
  EXPECT_EQ(NanosOf(0.9999999999), 1'000'000'000);
  Prng random(5);
  for (int i = 0; i < 100'000; ++i) {
    const double seconds = static_cast<double>(random.Below(4'000'000'000'000'000)) / 1e6;
    const std::int64_t ns = NanosOf(seconds);
    EXPECT_LE(std::abs(static_cast<long double>(ns) - static_cast<long double>(seconds) * 1e9L), 1);
  }
}

// --- decode(encode(rows)) == rows ---

struct Row {
  EntryAttrs attrs;
  std::string target;
  friend bool operator==(const Row&, const Row&) = default;
};

std::string RandomName(Prng& random) {
  std::string name;
  for (std::uint64_t n = 1 + random.Below(12); n > 0; --n) {
    name += static_cast<char>(random.Chance(1, 4) ? 1 + random.Below(255) : 'a' + random.Below(6));
    if (name.back() == '/') name.back() = '_';
  }
  return name == "." || name == ".." ? "x" : name;
}

Row RandomRow(Prng& random, bool is_directory) {
  Row row;
  EntryAttrs& a = row.attrs;
  const auto kind = is_directory ? EntryKind::kDirectory : static_cast<EntryKind>(random.Below(4));
  a.kind = kind == EntryKind::kDirectory && !is_directory ? EntryKind::kFile : kind;
  const std::uint32_t types[] = {0100000, 0040000, 0120000, 0010000};
  a.mode = types[static_cast<int>(a.kind)] | static_cast<std::uint32_t>(random.Below(07777));
  a.uid = static_cast<std::uint32_t>(random.Next());
  a.gid = static_cast<std::uint32_t>(random.Next());
  a.nlink = 1 + static_cast<std::uint32_t>(random.Below(9));
  a.inode = random.Next();
  a.device = random.Next();
  a.size_bytes = static_cast<std::int64_t>(random.Next() >> (1 + random.Below(60)));
  a.allocated_bytes = static_cast<std::int64_t>(random.Next() >> (1 + random.Below(60)));
  a.mtime_ns = static_cast<std::int64_t>(random.Next());
  a.ctime_ns = static_cast<std::int64_t>(random.Next());
  a.atime_ns = static_cast<std::int64_t>(random.Next());
  if (a.kind == EntryKind::kSymlink) row.target = RandomName(random);
  return row;
}

void Write(const std::string& path, const Row& row, JsonWriter* json) {
  const EntryAttrs& a = row.attrs;
  json->BeginObject().Key("path").String(path).Key("is_directory").Bool(a.is_directory());
  json->Key("mode").Uint(a.mode).Key("uid").Uint(a.uid).Key("gid").Uint(a.gid);
  json->Key("nlink").Uint(a.nlink).Key("inode").Uint(a.inode).Key("device").Uint(a.device);
  json->Key("size").Int(a.size_bytes).Key("allocated_size").Int(a.allocated_bytes);
  json->Key("modified_time").Double(1.5).Key("modified_time_ns").Int(a.mtime_ns);
  json->Key("changed_time_ns").Int(a.ctime_ns).Key("accessed_time_ns").Int(a.atime_ns);
  if (!row.target.empty()) json->Key("symlink_target").String(row.target);
  json->EndObject();
}

std::map<std::string, Row> Flatten(const PushedEvents& pushed) {
  std::map<std::string, Row> rows;
  for (const batch::Batch& batch : pushed.batches) {
    for (const Change& change : batch.changes) rows[change.path] = {change.attrs, change.target};
    for (const batch::DirBlock& block : batch.blocks) {
      EXPECT_TRUE(IsNormalViewPath(block.path));
      if (block.self.is_directory()) rows[block.path] = {block.self, ""};
      for (std::size_t i = 0; i < block.rows.size(); ++i) {
        if (i > 0) EXPECT_LT(block.rows.name(i - 1), block.rows.name(i));
        rows[JoinPath(block.path, block.rows.name(i))] = {block.rows.attrs(i),
                                                          std::string(block.rows.target(i))};
      }
    }
  }
  return rows;
}

TEST(PushedEvents, WhatIsPostedIsWhatIsTaken) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    std::vector<std::string> directories{"/"};
    std::map<std::string, Row> sent;
    std::vector<std::string> order;
    for (std::uint64_t n = random.Below(200); n > 0; --n) {
      const bool is_directory = random.Chance(1, 5);
      const std::string path =
          JoinPath(directories[random.Below(directories.size())], RandomName(random));
      if (sent.contains(path)) continue;
      if (is_directory) directories.push_back(path);
      sent[path] = RandomRow(random, is_directory);
      order.push_back(path);
    }
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.Below(i)]);
    const bool realtime = random.Chance(1, 3);
    std::string body;
    JsonWriter json(&body);
    json.BeginObject().Key("events").BeginArray();
    for (std::size_t at = 0; at < order.size();) {
      json.BeginObject().Key("event_type").String("update").Key("rows").BeginArray();
      const std::size_t end = std::min(order.size(), at + 1 + random.Below(30));
      for (; at < end; ++at) Write(order[at], sent[order[at]], &json);
      json.EndArray().Key("message_source").String(realtime ? "realtime" : "snapshot").EndObject();
    }
    json.EndArray().EndObject();
    const Outcome outcome = Decode(body);
    ASSERT_TRUE(outcome.valid) << outcome.bad.text;
    EXPECT_EQ(outcome.pushed.rejected, 0);
    EXPECT_EQ(outcome.pushed.rows, sent.size());
    EXPECT_EQ(Flatten(outcome.pushed), sent);
  }
}

TEST(PushedEvents, NoBodyBreaksIt) {
  const auto parser = json::MakeTapeParser();
  const std::string text = Body("audit", "update",
                                R"({"path":"/d/a","size":1,"modified_time":2.5,"mode":33188},)"
                                R"({"path":"/d","is_directory":true,"audit_skipped":false})");
  for (std::uint64_t seed = 0; seed < 30'000; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    std::string changed = text;
    for (std::uint64_t n = 1 + random.Below(3); n > 0; --n) {
      constexpr std::string_view kPieces[] = {"null",  "{}", "[]",  "7",
                                              "\"/\"", "-1", "1e9", "true"};
      const std::size_t at = random.Below(changed.size());
      if (random.Chance(1, 2)) {
        changed.replace(at, random.Below(9), kPieces[random.Below(8)]);
      } else {
        changed[at] = static_cast<char>(random.Below(256));
      }
    }
    json::Tape tape;
    if (!parser->Parse(changed, &tape).ok()) continue;
    PushedEvents pushed;
    BadField bad;
    if (!DecodePushedEvents(tape, {}, &pushed, &bad)) continue;
    for (const auto& [path, row] : Flatten(pushed)) {
      EXPECT_TRUE(IsNormalViewPath(path));
      EXPECT_GE(row.attrs.size_bytes, 0);
    }
  }
}

}  // namespace
}  // namespace fustor::fusion
