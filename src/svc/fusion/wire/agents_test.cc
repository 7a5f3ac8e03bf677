#include "svc/fusion/wire/agents.h"

#include <gtest/gtest.h>

#include "adapters/zstd/zstd.h"
#include "base/path.h"
#include "fustor/v1/agents.pb.h"
#include "lib/batch/methods.h"
#include "svc/agent/wire/report.h"
#include "svc/fusion/wire/agents_testing.h"

namespace fustor::fusion {
namespace {

namespace pb = ::fustor::v1;

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

// Else what is missing in it would be deleted.
TEST(Report, AListingThatWasNotLookedAtIsNeverComplete) {
  for (const bool silent : {false, true}) {
    pb::Batch batch = ThreeRows();
    batch.mutable_blocks(0)->set_silent(silent);
    batch.mutable_blocks(0)->set_failed(!silent);
    const Result<DecodedBatch> decoded = Decode(batch);
    ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
    EXPECT_FALSE(decoded->batch.blocks.at(0).complete);
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

TEST(Methods, AreThoseOfTheService) {
  EXPECT_STREQ(batch::kOpenSessionMethod, "/fustor.v1.Agents/OpenSession");
  EXPECT_STREQ(batch::kReportMethod, "/fustor.v1.Agents/Report");
}

}  // namespace
}  // namespace fustor::fusion
