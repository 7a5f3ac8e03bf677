#include "adapters/zstd/zstd.h"

#include <gtest/gtest.h>

#include "base/prng.h"

namespace fustor::zstd {
namespace {

TEST(Zstd, GivesBackWhatItTook) {
  const auto compressor = MakeCompressor();
  Prng prng(7);
  for (const std::size_t size : {0, 1, 511, 100'000, 3'000'000}) {
    std::string plain(size, '\0');
    for (char& c : plain) c = static_cast<char>('a' + prng.Below(4));
    const std::string frame = compressor->Compress(plain);
    if (size > 1000) EXPECT_LT(frame.size(), plain.size() / 2);
    const Result<std::string> back = compressor->Decompress(frame, size);
    ASSERT_TRUE(back.ok()) << back.status().ToString();
    EXPECT_EQ(*back, plain);
    if (size == 0) continue;
    EXPECT_EQ(compressor->Decompress(frame, size - 1).status().code(), Code::kResourceExhausted);
    const Result<std::string> cut =
        compressor->Decompress(std::string_view(frame).substr(0, frame.size() - 1), size);
    EXPECT_EQ(cut.status().code(), Code::kInvalidArgument);
  }
}

TEST(Zstd, RefusesWhatIsNotAFrame) {
  const auto compressor = MakeCompressor();
  for (const std::string_view frame : {"", "x", "this is no frame at all"}) {
    EXPECT_EQ(compressor->Decompress(frame, 1000).status().code(), Code::kInvalidArgument);
  }
  // Claims 200 MB and holds nothing.
  const std::string frame("\x28\xB5\x2F\xFD\xA0\x00\xC2\xEB\x0B\x01\x00\x00", 12);
  EXPECT_FALSE(compressor->Decompress(frame, std::size_t{1} << 30).ok());
}

}  // namespace
}  // namespace fustor::zstd
