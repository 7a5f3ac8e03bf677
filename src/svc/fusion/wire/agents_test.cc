#include "svc/fusion/wire/agents.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>

#include "adapters/zstd/zstd.h"
#include "base/path.h"
#include "base/prng.h"
#include "fustor/v1/agents.pb.h"
#include "lib/batch/methods.h"
#include "svc/agent/wire/report.h"

namespace fustor::fusion {
namespace {

namespace pb = ::fustor::v1;
using batch::Batch;
using batch::Change;
using batch::DirBlock;

// Everything about a batch, as text to compare and to read in failures.
std::string Describe(const EntryAttrs& a) {
  std::ostringstream out;
  out << static_cast<int>(a.kind) << ' ' << a.mode << ' ' << a.uid << ' ' << a.gid << ' ' << a.nlink
      << ' ' << a.inode << ' ' << a.device << ' ' << a.size_bytes << ' ' << a.allocated_bytes << ' '
      << a.mtime_ns << ' ' << a.ctime_ns << ' ' << a.atime_ns;
  return out.str();
}

std::string Describe(const Batch& b) {
  std::ostringstream out;
  out << b.sequence << ' ' << static_cast<int>(b.source) << ' ' << b.index_ms << ' ' << b.scan_id
      << ' ' << static_cast<int>(b.mark) << ' ' << testing::PrintToString(b.scan_path) << ' '
      << b.job_id << ' ' << b.lost_events << ' ' << b.full_every << '\n';
  for (const Change& c : b.changes) {
    out << "change " << static_cast<int>(c.kind) << ' ' << testing::PrintToString(c.path) << ' '
        << testing::PrintToString(c.old_path) << ' ' << Describe(c.attrs) << ' '
        << testing::PrintToString(c.target) << ' ' << c.atomic << '\n';
  }
  for (const DirBlock& block : b.blocks) {
    out << "block " << testing::PrintToString(block.path) << ' ' << Describe(block.self) << ' '
        << block.complete << block.failed << block.silent << block.unwatched << ' '
        << testing::PrintToString(block.exempt) << '\n';
    for (std::size_t i = 0; i < block.rows.size(); ++i) {
      out << "  " << testing::PrintToString(std::string(block.rows.name(i))) << ' '
          << Describe(block.rows.attrs(i)) << ' '
          << testing::PrintToString(std::string(block.rows.target(i))) << '\n';
    }
  }
  return out.str();
}

std::int64_t AnyTime(Prng& prng) {
  constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  const std::int64_t choices[] = {kMin,
                                  kMin + 1,
                                  -1,
                                  0,
                                  1,
                                  kMax - 1,
                                  kMax,
                                  static_cast<std::int64_t>(prng.Next()),
                                  1'700'000'000'000'000'000 + prng.Between(0, 86'400'000'000'000)};
  return choices[prng.Below(std::size(choices))];
}

EntryAttrs AnyAttrs(Prng& prng) {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  EntryAttrs a;
  a.kind = static_cast<EntryKind>(prng.Below(4));
  a.mode = prng.Chance(1, 2) ? 0100644 : static_cast<std::uint32_t>(prng.Next());
  a.uid = prng.Chance(1, 2) ? 1000 : static_cast<std::uint32_t>(prng.Next());
  a.gid = prng.Chance(1, 2) ? 0 : static_cast<std::uint32_t>(prng.Next());
  a.nlink = prng.Chance(1, 2) ? 1 : static_cast<std::uint32_t>(prng.Next());
  a.inode = prng.Chance(1, 2) ? prng.Below(1000) : prng.Next();
  a.device = prng.Chance(1, 2) ? 2049 : prng.Next();
  const std::int64_t sizes[] = {0, 1, 4095, 4096, 4097, kMax, kMax - 4096, prng.Between(0, kMax)};
  a.size_bytes = sizes[prng.Below(std::size(sizes))];
  a.allocated_bytes = sizes[prng.Below(std::size(sizes))];
  a.mtime_ns = AnyTime(prng);
  a.ctime_ns = prng.Chance(1, 2) ? a.mtime_ns : AnyTime(prng);
  a.atime_ns = AnyTime(prng);
  return a;
}

std::string AnyName(Prng& prng) {
  const std::string odd[] = {
      "\n", "\xFF\xFE", " ", "...", "\\", "a\tb", "\xC3\xA4", std::string(255, 'n'), "-rf", "\x01"};
  if (prng.Chance(1, 5)) return odd[prng.Below(std::size(odd))];
  std::string name(1 + prng.Below(20), 'x');
  for (char& c : name) {
    do c = static_cast<char>(prng.Next());
    while (c == '/' || c == '\0');
  }
  return name == "." || name == ".." ? "dots" : name;
}

std::string AnyPath(Prng& prng) {
  std::string path;
  for (std::uint64_t depth = prng.Below(5); depth > 0; --depth) path += "/" + AnyName(prng);
  return path.empty() ? "/" : path;
}

EntryList AnyRows(Prng& prng, std::uint64_t count) {
  std::map<std::string, bool> names;
  while (names.size() < count) names[AnyName(prng)] = true;
  EntryList rows;
  for (const auto& [name, unused] : names) {
    rows.Append(name, AnyAttrs(prng), prng.Chance(1, 5) ? "../" + AnyName(prng) : "");
  }
  return rows;
}

Batch AnyBatch(Prng& prng) {
  Batch b;
  b.sequence = 1 + prng.Next() / 2;
  b.source = static_cast<batch::Source>(1 + prng.Below(4));
  b.index_ms = prng.Chance(1, 3) ? -1 : AnyTime(prng);
  b.scan_id = prng.Below(3);
  b.mark = static_cast<batch::ScanMark>(prng.Below(3));
  if (b.mark == batch::ScanMark::kBegin) b.scan_path = AnyPath(prng);
  if (prng.Chance(1, 4)) b.job_id = "job-7";
  b.lost_events = prng.Chance(1, 10);
  if (prng.Chance(1, 10)) b.full_every = static_cast<std::uint32_t>(prng.Below(100));
  const std::uint64_t count = prng.Below(prng.Chance(1, 5) ? 50 : 5);
  const bool changes = b.source == batch::Source::kRealtime && prng.Chance(3, 4);
  for (std::uint64_t i = 0; i < count && changes; ++i) {
    Change& c = b.changes.emplace_back();
    c.kind = static_cast<Change::Kind>(1 + prng.Below(3));
    c.path = AnyPath(prng);
    c.atomic = prng.Chance(3, 4);
    if (c.kind == Change::Kind::kMove) c.old_path = AnyPath(prng);
    if (c.kind == Change::Kind::kUpsert) c.attrs = AnyAttrs(prng);
    if (c.kind == Change::Kind::kUpsert && prng.Chance(1, 4)) c.target = "/" + AnyName(prng);
  }
  for (std::uint64_t i = 0; i < count && !changes; ++i) {
    DirBlock& block = b.blocks.emplace_back();
    block.path = AnyPath(prng);
    if (!prng.Chance(1, 4)) block.self = AnyAttrs(prng);
    block.rows = AnyRows(prng, prng.Below(prng.Chance(1, 5) ? 100 : 4));
    block.complete = prng.Chance(1, 2);
    block.failed = prng.Chance(1, 4);
    block.unwatched = prng.Chance(1, 4);
    while (prng.Chance(1, 4)) block.exempt.push_back(AnyName(prng));
  }
  return b;
}

TEST(Report, DecodesToWhatWasEncoded) {
  const auto compressor = zstd::MakeCompressor();
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    Prng prng(seed);
    const Batch batch = AnyBatch(prng);
    const std::string bytes = agent::EncodeReport(batch, *compressor);
    const Result<DecodedBatch> decoded = DecodeReport(bytes, *compressor, {});
    ASSERT_TRUE(decoded.ok()) << "seed " << seed << ": " << decoded.status().ToString();
    ASSERT_EQ(decoded->skipped_rows, 0u) << "seed " << seed;
    ASSERT_EQ(Describe(decoded->batch), Describe(batch)) << "seed " << seed;
  }
}

// A report of `batch`, without compression.
std::string Wrap(const pb::Batch& batch) {
  pb::ReportRequest request;
  request.mutable_batch()->set_plain(batch.SerializeAsString());
  return request.SerializeAsString();
}

// One block "/d" with rows a, b, c.
pb::Batch ThreeRows() {
  pb::Batch b;
  b.set_sequence(1);
  b.set_source(2);
  pb::Block& block = *b.add_blocks();
  block.set_path("/d");
  block.set_row_count(3);
  block.set_complete(true);
  pb::Rows& rows = *b.mutable_rows();
  rows.set_count(4);
  rows.set_names("abc");
  for (const std::uint32_t n : {0, 1, 1, 1}) rows.add_name_bytes(n);
  for (const std::uint32_t k : {1, 0, 0, 0}) rows.add_kind(k);
  for (const std::uint64_t s : {0, 10, 20, 30}) rows.add_size(s);
  return b;
}

Result<DecodedBatch> Decode(const pb::Batch& batch, const DecodeLimits& limits = {}) {
  const auto compressor = zstd::MakeCompressor();
  return DecodeReport(Wrap(batch), *compressor, limits);
}

TEST(Report, AMessageThatMakesNoSenseIsRefusedNamingTheField) {
  const Result<DecodedBatch> good = Decode(ThreeRows());
  ASSERT_TRUE(good.ok()) << good.status().ToString();
  EXPECT_EQ(good->batch.blocks[0].rows.size(), 3u);

  struct Case {
    const char* field;
    void (*spoil)(pb::Batch&);
  };
  const Case cases[] = {
      {"batch.sequence", [](pb::Batch& b) { b.set_sequence(0); }},
      {"batch.source", [](pb::Batch& b) { b.set_source(0); }},
      {"batch.source", [](pb::Batch& b) { b.set_source(5); }},
      {"batch.source", [](pb::Batch& b) { b.set_source(258); }},
      {"batch.scan_mark", [](pb::Batch& b) { b.set_scan_mark(3); }},
      {"batch.scan_path", [](pb::Batch& b) { b.set_scan_mark(1); }},
      {"batch.scan_path", [](pb::Batch& b) { b.set_scan_path("a/../b"); }},
      {"batch.job_id", [](pb::Batch& b) { b.set_job_id(std::string(2000, 'j')); }},
      {"batch.blocks",
       [](pb::Batch& b) {
         b.set_source(1);
         b.add_changes()->set_path("/x");
       }},
      {"batch.changes",
       [](pb::Batch& b) {
         b.clear_blocks();
         b.add_changes()->set_path("/x");
       }},
      {"rows.count", [](pb::Batch& b) { b.mutable_blocks(0)->set_row_count(2); }},
      {"rows.count", [](pb::Batch& b) { b.mutable_blocks(0)->set_row_count(0xFFFFFFFF); }},
      {"rows.name_bytes", [](pb::Batch& b) { b.mutable_rows()->add_name_bytes(0); }},
      {"rows.name_bytes", [](pb::Batch& b) { b.mutable_rows()->set_names("abcd"); }},
      {"rows.name_bytes", [](pb::Batch& b) { b.mutable_rows()->set_names("ab"); }},
      {"rows.name_bytes", [](pb::Batch& b) { b.mutable_rows()->set_name_bytes(0, 0xFFFFFFFF); }},
      {"rows.target_bytes", [](pb::Batch& b) { b.mutable_rows()->set_targets("t"); }},
      {"rows.kind", [](pb::Batch& b) { b.mutable_rows()->add_kind(0); }},
      {"rows.size", [](pb::Batch& b) { b.mutable_rows()->mutable_size()->Truncate(2); }},
      {"rows.mtime_ns", [](pb::Batch& b) { b.mutable_rows()->mutable_mtime_ns()->Resize(5, 1); }},
      {"rows.device", [](pb::Batch& b) { b.mutable_rows()->mutable_device()->Resize(3, 1); }},
  };
  for (const Case& c : cases) {
    pb::Batch batch = ThreeRows();
    c.spoil(batch);
    const Result<DecodedBatch> decoded = Decode(batch);
    EXPECT_EQ(decoded.status().code(), Code::kInvalidArgument) << c.field;
    EXPECT_TRUE(decoded.status().message().starts_with(c.field))
        << c.field << " / " << decoded.status().ToString();
  }
  const auto compressor = zstd::MakeCompressor();
  const std::string no_batch = agent::EncodeReportStart("s");
  EXPECT_EQ(DecodeReport(no_batch, *compressor, {}).status().message(), "batch.content: malformed");
  pb::ReportRequest request;
  request.mutable_batch()->set_zstd("nonsense");
  EXPECT_EQ(DecodeReport(request.SerializeAsString(), *compressor, {}).status().code(),
            Code::kInvalidArgument);
}

TEST(Report, AMalformedRowIsLeftOutAndItsBlockIsNoLongerComplete) {
  struct Case {
    const char* what;
    void (*spoil)(pb::Rows&);
  };
  const Case cases[] = {
      {"unknown kind", [](pb::Rows& r) { r.set_kind(2, 4); }},
      {"kind that wraps to a good one", [](pb::Rows& r) { r.set_kind(2, 256); }},
      {"slash", [](pb::Rows& r) { r.set_names("a/c"); }},
      {"nul", [](pb::Rows& r) { r.set_names(std::string("a\0c", 3)); }},
      {"dot", [](pb::Rows& r) { r.set_names("a.c"); }},
      {"empty name",
       [](pb::Rows& r) {
         r.set_name_bytes(2, 0);
         r.set_names("ac");
       }},
      {"long name",
       [](pb::Rows& r) {
         r.set_name_bytes(2, 256);
         r.set_names("a" + std::string(256, 'b') + "c");
       }},
      {"negative size", [](pb::Rows& r) { r.set_size(2, std::uint64_t{1} << 63); }},
      {"negative allocation",
       [](pb::Rows& r) {
         r.mutable_allocated()->Resize(4, 0);
         r.set_allocated(2, -8192);
       }},
      {"nul in a target",
       [](pb::Rows& r) {
         r.mutable_target_bytes()->Resize(4, 0);
         r.set_target_bytes(2, 2);
         r.set_targets(std::string("t\0", 2));
       }},
      {"a target beyond all bounds",
       [](pb::Rows& r) {
         r.mutable_target_bytes()->Resize(4, 0);
         r.set_target_bytes(2, 70'000);
         r.set_targets(std::string(70'000, 't'));
       }},
  };
  for (const Case& c : cases) {
    pb::Batch batch = ThreeRows();
    c.spoil(*batch.mutable_rows());
    const Result<DecodedBatch> decoded = Decode(batch);
    ASSERT_TRUE(decoded.ok()) << c.what << ": " << decoded.status().ToString();
    EXPECT_EQ(decoded->skipped_rows, 1u) << c.what;
    const DirBlock& block = decoded->batch.blocks.at(0);
    ASSERT_EQ(block.rows.size(), 2u) << c.what;
    EXPECT_EQ(block.rows.name(0), "a");
    EXPECT_EQ(block.rows.name(1), "c");
    EXPECT_EQ(block.rows.attrs(1).size_bytes, 30);
    EXPECT_FALSE(block.complete) << c.what;
  }
}

TEST(Report, AMalformedBlockIsLeftOutWithItsRows) {
  for (const std::string path : {"", "d", "/d/", "/d//e", "/../d"}) {
    pb::Batch batch = ThreeRows();
    batch.mutable_blocks(0)->set_path(path);
    pb::Block& next = *batch.add_blocks();
    next.set_path("/e");
    next.set_row_count(1);
    pb::Rows& rows = *batch.mutable_rows();
    rows.set_count(6);
    rows.set_names("abcz");
    rows.add_name_bytes(0);
    rows.add_name_bytes(1);
    rows.mutable_kind()->Clear();
    rows.mutable_size()->Clear();
    const Result<DecodedBatch> decoded = Decode(batch);
    ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
    EXPECT_EQ(decoded->skipped_rows, 4u);
    ASSERT_EQ(decoded->batch.blocks.size(), 1u);
    EXPECT_EQ(decoded->batch.blocks[0].path, "/e");
    ASSERT_EQ(decoded->batch.blocks[0].rows.size(), 1u);
    EXPECT_EQ(decoded->batch.blocks[0].rows.name(0), "z");
  }
}

TEST(Report, RowsAreSortedAndTheLastOfOneNameStays) {
  pb::Batch batch = ThreeRows();
  batch.mutable_rows()->set_names("cac");
  batch.mutable_blocks(0)->add_exempt("fine");
  batch.mutable_blocks(0)->add_exempt("not/fine");
  const Result<DecodedBatch> decoded = Decode(batch);
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->skipped_rows, 2u);
  const DirBlock& block = decoded->batch.blocks.at(0);
  ASSERT_EQ(block.rows.size(), 2u);
  EXPECT_EQ(block.rows.name(0), "a");
  EXPECT_EQ(block.rows.name(1), "c");
  EXPECT_EQ(block.rows.attrs(1).size_bytes, 30);
  EXPECT_EQ(block.exempt, std::vector<std::string>{"fine"});
  EXPECT_TRUE(block.complete);
}

TEST(Report, MalformedChangesAreLeftOutAndTheOthersKeepTheirRows) {
  pb::Batch batch;
  batch.set_sequence(1);
  batch.set_source(1);
  const auto add = [&](std::uint32_t kind, const char* path, const char* old_path) {
    pb::Change& change = *batch.add_changes();
    change.set_kind(kind);
    change.set_path(path);
    change.set_old_path(old_path);
  };
  add(1, "bad", "");
  add(1, "/a", "");
  add(2, "/b", "");
  add(2, "/b/", "");
  add(3, "/c", "/d");
  add(3, "/c", "");
  add(0, "/e", "");
  add(258, "/f", "");
  batch.mutable_rows()->set_count(2);
  batch.mutable_rows()->add_size(7);
  batch.mutable_rows()->add_size(8);
  const Result<DecodedBatch> decoded = Decode(batch);
  ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
  EXPECT_EQ(decoded->skipped_rows, 5u);
  ASSERT_EQ(decoded->batch.changes.size(), 3u);
  EXPECT_EQ(decoded->batch.changes[0].attrs.size_bytes, 8);
  EXPECT_EQ(decoded->batch.changes[2].old_path, "/d");
}

TEST(Report, LimitsHold) {
  DecodeLimits limits;
  limits.rows_max = 4;
  EXPECT_TRUE(Decode(ThreeRows(), limits).ok());
  limits.rows_max = 3;
  EXPECT_EQ(Decode(ThreeRows(), limits).status().code(), Code::kResourceExhausted);
  limits = {};
  limits.plain_bytes_max = 10;
  EXPECT_EQ(Decode(ThreeRows(), limits).status().code(), Code::kResourceExhausted);

  // Small on the wire, huge in memory: many empty blocks, many empty exempt names.
  const auto compressor = zstd::MakeCompressor();
  pb::Batch blocks;
  for (int i = 0; i < 1'100'000; ++i) blocks.add_blocks();
  pb::Batch exempt;
  pb::Block& block = *exempt.add_blocks();
  for (int i = 0; i < 1'100'000; ++i) block.add_exempt("");
  for (const pb::Batch& bomb : {blocks, exempt}) {
    pb::ReportRequest request;
    request.mutable_batch()->set_zstd(compressor->Compress(bomb.SerializeAsString()));
    const std::string bytes = request.SerializeAsString();
    EXPECT_LT(bytes.size(), 10'000u);
    EXPECT_EQ(DecodeReport(bytes, *compressor, {}).status().code(), Code::kResourceExhausted);
  }
}

TEST(Report, UnknownFieldsAreIgnored) {
  const auto compressor = zstd::MakeCompressor();
  // Field 99 as a varint, in the request and in the batch.
  const std::string unknown("\x98\x06\x07", 3);
  pb::ReportRequest request;
  request.mutable_batch()->set_plain(ThreeRows().SerializeAsString() + unknown);
  const Result<DecodedBatch> decoded =
      DecodeReport(request.SerializeAsString() + unknown, *compressor, {});
  ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
  EXPECT_EQ(decoded->batch.row_count(), 4u);
}

// Whatever decodes keeps the promises of the header.
void CheckPromises(const DecodedBatch& decoded) {
  for (const DirBlock& block : decoded.batch.blocks) {
    ASSERT_TRUE(IsNormalViewPath(block.path));
    for (std::size_t i = 0; i < block.rows.size(); ++i) {
      ASSERT_TRUE(IsNormalViewPath("/" + std::string(block.rows.name(i))));
      ASSERT_GE(block.rows.attrs(i).size_bytes, 0);
      ASSERT_LE(static_cast<int>(block.rows.attrs(i).kind), 3);
      if (i > 0) ASSERT_LT(block.rows.name(i - 1), block.rows.name(i));
    }
  }
  for (const Change& change : decoded.batch.changes) ASSERT_TRUE(IsNormalViewPath(change.path));
}

std::string Mutate(std::string bytes, Prng& prng) {
  for (std::uint64_t n = 1 + prng.Below(4); n > 0 && !bytes.empty(); --n) {
    const std::size_t at = prng.Below(bytes.size());
    switch (prng.Below(4)) {
      case 0:
        bytes[at] = static_cast<char>(prng.Next());
        break;
      case 1:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << prng.Below(8)));
        break;
      case 2:
        bytes.resize(at);
        break;
      default:
        bytes.insert(at, 1 + prng.Below(3), static_cast<char>(prng.Next()));
    }
  }
  return bytes;
}

TEST(Report, NoBytesCrashIt) {
  const auto compressor = zstd::MakeCompressor();
  int decoded_count = 0;
  for (std::uint64_t seed = 0; seed < 20'000; ++seed) {
    SCOPED_TRACE(seed);
    Prng prng(seed);
    const Batch batch = AnyBatch(prng);
    std::string bytes = agent::EncodeReport(batch, *compressor);
    if (prng.Chance(1, 2)) {
      // Behind the frame's checks: change the plain batch.
      pb::ReportRequest request;
      ASSERT_TRUE(request.ParseFromString(bytes));
      std::string plain = request.batch().plain();
      if (request.batch().has_zstd()) {
        plain = *compressor->Decompress(request.batch().zstd(), 1 << 30);
      }
      request.mutable_batch()->set_plain(Mutate(std::move(plain), prng));
      bytes = request.SerializeAsString();
    } else {
      bytes = Mutate(std::move(bytes), prng);
    }
    const Result<DecodedBatch> decoded = DecodeReport(bytes, *compressor, {});
    if (!decoded.ok()) continue;
    ++decoded_count;
    CheckPromises(*decoded);
  }
  EXPECT_GT(decoded_count, 1000);  // Else the mutations are too rough to test anything.
}

const batch::SessionRequest kRequest{"agent-1:pipe-1", "agent-1",           "/data/\xFF",
                                     Millis(31'500),   {"move", "columns"}, 0};
const batch::SessionGrant kGrant{
    "0123456789abcdef", batch::Role::kLeader, Seconds(30), Seconds(43'200),
    Millis(300'250),    {"v1", "v2"},         8 << 20,     {"move"}};
const batch::Heartbeat kHeartbeat{"0123456789abcdef", true, "34", 123'456'789'012};
const std::vector<batch::Command> kCommands = {{"scan", "/a/\xFE", true, "job-1"},
                                               {"wave", "", false, ""}};
const batch::HeartbeatAnswer kHeartbeatAnswer{batch::Role::kFollower, kCommands};
const batch::ReportAnswer kReportAnswer{77, kCommands};

const std::vector<batch::Sighting> kSightings = {{"/a/\xFE", -5, 0, 9},
                                                 {"/b", 77, 1'000'000'000'000, 0}};

template <class T>
void ExpectHolds(const Result<T>& result, const T& expected) {
  ASSERT_TRUE(result.ok()) << result.status().ToString();
  EXPECT_EQ(*result, expected);
}

TEST(Session, MessagesDecodeToWhatWasEncoded) {
  ExpectHolds(DecodeSessionRequest(agent::EncodeSessionRequest(kRequest)), kRequest);
  ExpectHolds(agent::DecodeSessionGrant(EncodeSessionGrant(kGrant)), kGrant);
  ExpectHolds(DecodeHeartbeat(agent::EncodeHeartbeat(kHeartbeat)), kHeartbeat);
  ExpectHolds(agent::DecodeHeartbeatAnswer(EncodeHeartbeatAnswer(kHeartbeatAnswer)),
              kHeartbeatAnswer);
  ExpectHolds(agent::DecodeReportAnswer(EncodeReportAnswer(kReportAnswer)), kReportAnswer);
  ExpectHolds(DecodeCloseSession(agent::EncodeCloseSession("s-1")), std::string("s-1"));
  batch::SessionRequest careful = kRequest;
  careful.delete_fraction_max = 0.25;
  ExpectHolds(DecodeSessionRequest(agent::EncodeSessionRequest(careful)), careful);
  const std::vector<std::string> paths = {"/a/\xFE", "/b"};
  ExpectHolds(DecodeListSuspects(agent::EncodeListSuspects("s-1")), std::string("s-1"));
  ExpectHolds(agent::DecodeSuspects(EncodeSuspects(paths)), paths);
  ExpectHolds(agent::DecodeSweepAnswer(EncodeSweepAnswer(paths)), paths);
  const Result<SweepReport> sweep = DecodeSweep(agent::EncodeSweep("s-1", kSightings));
  ASSERT_TRUE(sweep.ok());
  EXPECT_EQ(sweep->session_id, "s-1");
  EXPECT_EQ(sweep->sightings, kSightings);
  ExpectHolds(DecodeReportStart(agent::EncodeReportStart("s-1")), std::string("s-1"));
  EXPECT_EQ(EncodeCloseAnswer(), "");
}

TEST(Session, MalformedMessagesNameTheField) {
  const auto field_of = [](const auto& result) {
    EXPECT_EQ(result.status().code(), Code::kInvalidArgument);
    return result.status().message().substr(0, result.status().message().find(':'));
  };
  batch::SessionRequest request = kRequest;
  request.task_id.clear();
  EXPECT_EQ(field_of(DecodeSessionRequest(agent::EncodeSessionRequest(request))), "task_id");
  request = kRequest;
  request.timeout = Nanos(-1);
  EXPECT_EQ(field_of(DecodeSessionRequest(agent::EncodeSessionRequest(request))),
            "session_timeout_seconds");
  request = kRequest;
  request.capabilities.push_back(std::string(2000, 'c'));
  EXPECT_EQ(field_of(DecodeSessionRequest(agent::EncodeSessionRequest(request))), "capabilities");
  EXPECT_EQ(field_of(DecodeHeartbeat("")), "session_id");
  EXPECT_EQ(field_of(DecodeCloseSession("")), "session_id");
  EXPECT_EQ(field_of(DecodeReportStart("")), "session_id");
  EXPECT_EQ(field_of(agent::DecodeHeartbeatAnswer("")), "role");
  batch::ReportAnswer answer = kReportAnswer;
  answer.commands[0].path = "not/normal";
  EXPECT_EQ(field_of(agent::DecodeReportAnswer(EncodeReportAnswer(answer))), "commands.path");
  for (const double fraction : {-0.1, 1.5}) {
    request = kRequest;
    request.delete_fraction_max = fraction;
    EXPECT_EQ(field_of(DecodeSessionRequest(agent::EncodeSessionRequest(request))),
              "max_delete_fraction");
  }
  EXPECT_EQ(field_of(DecodeSweep(agent::EncodeSweep("", {}))), "session_id");
  EXPECT_EQ(field_of(DecodeSweep(agent::EncodeSweep("s", {{"not/normal", 0, 0, 0}}))),
            "sightings.path");
  EXPECT_EQ(field_of(DecodeSweep(agent::EncodeSweep("s", {{"/a", 0, -1, 0}}))), "sightings.size");
  EXPECT_EQ(field_of(DecodeSweep(agent::EncodeSweep(
                "s", std::vector<batch::Sighting>(1001, batch::Sighting{"/a", 0, 0, 0})))),
            "sightings");
  EXPECT_EQ(field_of(agent::DecodeSuspects(EncodeSuspects({"a"}))), "paths");
  batch::SessionGrant grant = kGrant;
  grant.session_id.clear();
  EXPECT_EQ(field_of(agent::DecodeSessionGrant(EncodeSessionGrant(grant))), "session_id");
}

TEST(Session, NoBytesCrashIt) {
  const std::string good[] = {
      agent::EncodeSessionRequest(kRequest),
      agent::EncodeHeartbeat(kHeartbeat),
      EncodeSessionGrant(kGrant),
      EncodeHeartbeatAnswer(kHeartbeatAnswer),
      EncodeReportAnswer(kReportAnswer),
      agent::EncodeReportStart("s"),
      agent::EncodeSweep("s", kSightings),
      EncodeSuspects({"/a", "/b"}),
  };
  for (std::uint64_t seed = 0; seed < 20'000; ++seed) {
    Prng prng(seed);
    const std::string bytes = Mutate(good[prng.Below(std::size(good))], prng);
    (void)DecodeSessionRequest(bytes);
    (void)DecodeHeartbeat(bytes);
    (void)DecodeCloseSession(bytes);
    (void)DecodeSweep(bytes);
    (void)DecodeListSuspects(bytes);
    (void)agent::DecodeSuspects(bytes);
    (void)agent::DecodeSweepAnswer(bytes);
    (void)DecodeReportStart(bytes);
    (void)agent::DecodeSessionGrant(bytes);
    (void)agent::DecodeHeartbeatAnswer(bytes);
    (void)agent::DecodeReportAnswer(bytes);
  }
}

// The bytes recorded in api/golden/agents/<name>. With FUSTOR_RECORD_GOLDEN set, a file that is not
// there is written with `now`; one that is there is never changed: yesterday's agents sent it.
std::string Golden(const std::string& name, const std::string& now) {
  const std::string path = std::string(FUSTOR_GOLDEN_DIR) + "/agents/" + name;
  std::ifstream in(path, std::ios::binary);
  if (!in && std::getenv("FUSTOR_RECORD_GOLDEN") != nullptr) {
    std::ofstream(path, std::ios::binary) << now;
    return now;
  }
  EXPECT_TRUE(in.good()) << path;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

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

Batch GoldenAudit() {
  Batch b = GoldenScan(2);
  b.full_every = 8;
  DirBlock& silent = b.blocks.emplace_back();
  silent.path = "/as it was";
  silent.self = GoldenAttrs(5);
  silent.self.kind = EntryKind::kDirectory;
  silent.silent = true;
  b.blocks[0].unwatched = true;
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

TEST(Golden, RecordedReportsStillMeanTheSame) {
  const auto compressor = zstd::MakeCompressor();
  const std::pair<std::string, Batch> reports[] = {
      {"report_scan_plain.bin", GoldenScan(3)},
      {"report_scan_zstd.bin", GoldenScan(300)},
      {"report_changes.bin", GoldenChanges()},
      {"report_audit.bin", GoldenAudit()},
  };
  for (const auto& [name, batch] : reports) {
    const std::string bytes = Golden(name, agent::EncodeReport(batch, *compressor));
    const Result<DecodedBatch> decoded = DecodeReport(bytes, *compressor, {});
    ASSERT_TRUE(decoded.ok()) << name << decoded.status().ToString();
    EXPECT_EQ(Describe(decoded->batch), Describe(batch)) << name;
    EXPECT_EQ(decoded->skipped_rows, 0u);
  }
  const std::string start = Golden("report_start.bin", agent::EncodeReportStart("s-1"));
  ExpectHolds(DecodeReportStart(start), std::string("s-1"));
  const std::string answer = Golden("report_answer.bin", EncodeReportAnswer(kReportAnswer));
  ExpectHolds(agent::DecodeReportAnswer(answer), kReportAnswer);
}

TEST(Golden, RecordedSessionMessagesStillMeanTheSame) {
  ExpectHolds(
      DecodeSessionRequest(Golden("session_request.bin", agent::EncodeSessionRequest(kRequest))),
      kRequest);
  batch::SessionRequest careful = kRequest;
  careful.delete_fraction_max = 0.25;
  ExpectHolds(DecodeSessionRequest(
                  Golden("session_request_careful.bin", agent::EncodeSessionRequest(careful))),
              careful);
  const Result<SweepReport> sweep =
      DecodeSweep(Golden("sweep.bin", agent::EncodeSweep("s-1", kSightings)));
  ASSERT_TRUE(sweep.ok());
  EXPECT_EQ(sweep->sightings, kSightings);
  ExpectHolds(agent::DecodeSessionGrant(Golden("session_grant.bin", EncodeSessionGrant(kGrant))),
              kGrant);
  ExpectHolds(DecodeHeartbeat(Golden("heartbeat.bin", agent::EncodeHeartbeat(kHeartbeat))),
              kHeartbeat);
  ExpectHolds(agent::DecodeHeartbeatAnswer(
                  Golden("heartbeat_answer.bin", EncodeHeartbeatAnswer(kHeartbeatAnswer))),
              kHeartbeatAnswer);
  ExpectHolds(DecodeCloseSession(Golden("close_session.bin", agent::EncodeCloseSession("s-1"))),
              std::string("s-1"));
}

TEST(Methods, AreThoseOfTheService) {
  EXPECT_STREQ(batch::kOpenSessionMethod, "/fustor.v1.Agents/OpenSession");
  EXPECT_STREQ(batch::kReportMethod, "/fustor.v1.Agents/Report");
}

}  // namespace
}  // namespace fustor::fusion
