#include "adapters/http/codec.h"

#include <gtest/gtest.h>

#include "adapters/http/test_support.h"
#include "base/prng.h"

namespace fustor::http {
namespace {

class Codecs : public ::testing::TestWithParam<Coding> {};

// Feeds in portions of `in_bytes`, taking out at most `out_bytes` at a time.
Result<std::string> DecodeSlowly(Coding coding, std::string_view bytes, std::size_t in_bytes,
                                 std::size_t out_bytes) {
  const auto decoder = MakeDecoder(coding);
  std::string out;
  while (!bytes.empty()) {
    std::string_view part = bytes.substr(0, in_bytes);
    bytes.remove_prefix(part.size());
    for (;;) {
      const std::size_t before = out.size();
      FUSTOR_TRY(decoder->Decode(part, out, out_bytes));
      if (out.size() - before > out_bytes) return Status(Code::kInternal, "too much at once");
      if (part.empty() && out.size() - before < out_bytes) break;
    }
  }
  if (!decoder->AtEnd()) return Status(Code::kDataLoss, "cut off");
  return out;
}

TEST_P(Codecs, ComeBackInAnyPortions) {
  const std::uint64_t seed = 5;
  Prng prng(seed);
  for (int round = 0; round < 60; ++round) {
    std::string text(prng.Below(20'000), '\0');
    const std::uint64_t letters = 1 + prng.Below(255);
    for (char& c : text) c = static_cast<char>(prng.Below(letters));
    const auto encoder = MakeEncoder(GetParam());
    std::string coded;
    for (int stream = 0; stream < 2; ++stream) {  // The second one after a reset.
      coded.clear();
      std::string_view rest = text;
      while (prng.Chance(2, 3)) {
        const std::string_view piece = rest.substr(0, prng.Below(5000));
        rest.remove_prefix(piece.size());
        encoder->Encode(piece, Encoder::Flush::kPiece, coded);
        EXPECT_EQ(Decoded(GetParam(), coded), "BROKEN") << "not ended yet";
      }
      encoder->Encode(rest, Encoder::Flush::kEnd, coded);
      encoder->Reset();
    }
    const auto back = DecodeSlowly(GetParam(), coded, 1 + prng.Below(700), 1 + prng.Below(3000));
    ASSERT_TRUE(back.ok()) << back.status().ToString() << " seed " << seed << " round " << round;
    ASSERT_EQ(*back, text) << "seed " << seed << " round " << round;
  }
}

TEST_P(Codecs, WhatWasFlushedCanBeReadAtOnce) {
  const auto encoder = MakeEncoder(GetParam());
  const auto decoder = MakeDecoder(GetParam());
  for (const std::string_view piece : {"first", "second", "third"}) {
    std::string coded;
    encoder->Encode(piece, Encoder::Flush::kPiece, coded);
    std::string out;
    std::string_view in = coded;
    ASSERT_TRUE(decoder->Decode(in, out, 1000).ok());
    EXPECT_EQ(out, piece);
  }
}

TEST_P(Codecs, SeveralStreamsInARowAreOne) {
  const auto coded = [&](std::string_view text) {
    return GetParam() == Coding::kGzip ? Gzip(text) : Zstd(text);
  };
  EXPECT_EQ(*DecodeSlowly(GetParam(), coded("abc") + coded("") + coded("def"), 1, 2), "abcdef");
  EXPECT_EQ(*DecodeSlowly(GetParam(), coded("abc") + coded("def"), 1000, 1000), "abcdef");
}

TEST_P(Codecs, RefuseGarbageAndNoticeCuts) {
  const std::string text(5000, 'x');
  const std::string coded = GetParam() == Coding::kGzip ? Gzip(text) : Zstd(text);
  EXPECT_EQ(DecodeSlowly(GetParam(), "this is not compressed at all", 5, 100).status().code(),
            Code::kInvalidArgument);
  EXPECT_EQ(DecodeSlowly(GetParam(), coded + "garbage!", 100, 100).status().code(),
            Code::kInvalidArgument);
  for (std::size_t cut = 1; cut < coded.size(); ++cut) {
    EXPECT_FALSE(DecodeSlowly(GetParam(), coded.substr(0, cut), 7, 900).ok()) << cut;
  }
  Prng prng(3);
  for (int round = 0; round < 300; ++round) {
    std::string broken = coded;
    broken[prng.Below(broken.size())] ^= static_cast<char>(1 + prng.Below(255));
    const auto result = DecodeSlowly(GetParam(), broken, 50, 1000);  // Must end, well or not.
    (void)result.ok();
  }
}

INSTANTIATE_TEST_SUITE_P(All, Codecs, ::testing::Values(Coding::kGzip, Coding::kZstd),
                         [](const auto& info) { return std::string(CodingName(info.param)); });

}  // namespace
}  // namespace fustor::http
