#include "base/crc32c.h"

#include <gtest/gtest.h>

#include <string>

#include "base/prng.h"

namespace fustor {
namespace {

// RFC 3720, appendix B.4.
TEST(Crc32c, VectorsOfRfc3720) {
  std::string up;
  for (char c = 0; c < 32; ++c) up += c;
  const std::string down(up.rbegin(), up.rend());
  const struct {
    std::string bytes;
    std::uint32_t want;
  } cases[] = {
      {std::string(32, '\0'), 0x8A9136AA},
      {std::string(32, '\xff'), 0x62A8AB43},
      {up, 0x46DD794E},
      {down, 0x113FDB5C},
      {"123456789", 0xE3069283},
      {"", 0},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Crc32c(c.bytes), c.want);
    EXPECT_EQ(internal::Crc32cTable(c.bytes), c.want);
  }
}

TEST(Crc32c, InstructionAndTableAgreeAtEveryLengthAndCut) {
  Prng random(3);
  for (std::size_t n = 0; n < 200; ++n) {
    std::string bytes;
    while (bytes.size() < n) bytes += static_cast<char>(random.Next());
    const std::uint32_t whole = Crc32c(bytes);
    EXPECT_EQ(internal::Crc32cTable(bytes), whole);
    const std::size_t cut = random.Below(n + 1);
    EXPECT_EQ(Crc32c(std::string_view(bytes).substr(cut), Crc32c(bytes.substr(0, cut))), whole);
  }
}

}  // namespace
}  // namespace fustor
