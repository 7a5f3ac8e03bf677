#include "lib/http/chunked.h"

#include <gtest/gtest.h>

#include <string>

#include "base/prng.h"

namespace fustor::http {
namespace {

struct Decoded {
  std::string content;
  std::string rest;
  bool done = false;
  bool ok = true;
};

// Feeds `bytes` in portions of `portion` bytes (0: random ones).
Decoded Decode(std::string_view bytes, std::size_t portion, Prng& prng) {
  ChunkDecoder decoder;
  Decoded decoded;
  while (!bytes.empty() && !decoder.done()) {
    const std::size_t size = std::min(bytes.size(), portion == 0 ? 1 + prng.Below(9) : portion);
    std::string_view part = bytes.substr(0, size);
    bytes.remove_prefix(size);
    for (;;) {
      const Result<std::string_view> piece = decoder.Next(part);
      if (!piece.ok()) {
        decoded.ok = false;
        return decoded;
      }
      if (piece->empty()) break;
      decoded.content += *piece;
    }
    decoded.rest = part;
  }
  decoded.rest += bytes;
  decoded.done = decoder.done();
  return decoded;
}

TEST(ChunkDecoder, ReadsAnyPortionsAlike) {
  struct Case {
    std::string_view in;
    std::string_view content;
    std::string_view rest;
    bool done;
  };
  const Case cases[] = {
      {"0\r\n\r\n", "", "", true},
      {"0\r\n\r\nGET / HTTP", "", "GET / HTTP", true},
      {"5\r\nhello\r\n0\r\n\r\n", "hello", "", true},
      {"005\r\nhello\r\n1;a=\"b\"\r\n!\r\n000\r\n\r\nx", "hello!", "x", true},
      {"A \r\n0123456789\r\n0;x\r\nTrailer: v\r\nOther: w\r\n\r\n", "0123456789", "", true},
      {"5\r\nhel", "hel", "", false},
      {"5", "", "", false},
      {"2\r\n\r\n\r\n0\r\n\r\n", "\r\n", "", true},
  };
  Prng prng(1);
  for (const Case& c : cases) {
    for (const std::size_t portion : {1, 2, 3, 1000, 0}) {
      const Decoded decoded = Decode(c.in, portion, prng);
      EXPECT_TRUE(decoded.ok) << c.in;
      EXPECT_EQ(decoded.content, c.content) << c.in;
      EXPECT_EQ(decoded.rest, c.rest) << c.in;
      EXPECT_EQ(decoded.done, c.done) << c.in;
    }
  }
}

TEST(ChunkDecoder, RefusesWhatIsNotChunked) {
  Prng prng(1);
  for (const std::string_view bad :
       {"\r\n", "x\r\n", "-1\r\n", "+1\r\n", " 1\r\n", "5\nhello\r\n", "5\r\nhelloX",
        "5\r\nhello\rX", "5\r\nhello\n", "0\r\n\rX", "0\r\nA: b\rX", "1;\x01\r\n", "0x5\r\n",
        "fffffffffffffffff\r\n", "0\r\n\x01\r\n", "0\n\n", "5,\r\n"}) {
    for (const std::size_t portion : {1, 1000}) {
      EXPECT_FALSE(Decode(bad, portion, prng).ok) << bad;
    }
  }
}

TEST(ChunkDecoder, StaysBroken) {
  ChunkDecoder decoder;
  std::string_view bad = "zz";
  EXPECT_FALSE(decoder.Next(bad).ok());
  std::string_view good = "0\r\n\r\n";
  EXPECT_FALSE(decoder.Next(good).ok());
  EXPECT_FALSE(decoder.done());
}

TEST(ChunkDecoder, RefusesEndlessFraming) {
  Prng prng(1);
  EXPECT_FALSE(Decode("5;" + std::string(20'000, 'x'), 1000, prng).ok);
  EXPECT_FALSE(Decode("0\r\nA: " + std::string(20'000, 'x'), 1000, prng).ok);
  EXPECT_FALSE(Decode(std::string(20'000, '0'), 1000, prng).ok);
  std::string tiny;
  for (int i = 0; i < 20'000; ++i) tiny += "1\r\nx\r\n";
  EXPECT_TRUE(Decode(tiny, 1000, prng).ok) << "one byte a chunk is allowed";
}

TEST(ChunkDecoder, RandomChunksComeBack) {
  const std::uint64_t seed = 99;
  Prng prng(seed);
  for (int round = 0; round < 1000; ++round) {
    std::string content;
    std::string wire;
    for (std::uint64_t chunks = prng.Below(6); chunks > 0; --chunks) {
      std::string chunk(1 + prng.Below(40), '\0');
      for (char& c : chunk) c = static_cast<char>(prng.Below(256));
      char size[16];
      snprintf(size, sizeof(size), "%zx", chunk.size());
      content += chunk;
      wire += std::string(size) + "\r\n" + chunk + "\r\n";
    }
    wire += "0\r\n\r\nrest";
    const Decoded decoded = Decode(wire, 0, prng);
    ASSERT_TRUE(decoded.ok && decoded.done) << "seed " << seed << " round " << round;
    ASSERT_EQ(decoded.content, content) << "seed " << seed << " round " << round;
    ASSERT_EQ(decoded.rest, "rest") << "seed " << seed << " round " << round;
  }
}

}  // namespace
}  // namespace fustor::http
