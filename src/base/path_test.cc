#include "base/path.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "base/prng.h"
#include "base/utf8.h"

namespace fustor {
namespace {

TEST(NormalizeViewPath, BringsPathsIntoOneForm) {
  const std::string name(255, 'n');
  const std::pair<std::string, std::string> cases[] = {
      {"", "/"},
      {"/", "/"},
      {"//", "/"},
      {".", "/"},
      {"a", "/a"},
      {"/a/", "/a"},
      {"a//b/./c/", "/a/b/c"},
      {"/...", "/..."},
      {"/.a/..b", "/.a/..b"},
      {"/ \n\xff", "/ \n\xff"},
      {name, "/" + name},
  };
  for (const auto& [path, want] : cases) EXPECT_EQ(NormalizeViewPath(path).value(), want);
}

TEST(NormalizeViewPath, RefusesWhatCannotBeAViewPath) {
  const std::string cases[] = {
      "..",
      "/a/../b",
      "/a/..",
      std::string("/a\0b", 4),
      "/" + std::string(256, 'n'),
      std::string(kPathBytesMax + 1, '/'),
  };
  for (const std::string& path : cases) {
    const Result<std::string> normal = NormalizeViewPath(path);
    EXPECT_EQ(normal.status().code(), Code::kInvalidArgument) << PrintablePath(path);
  }
}

TEST(NormalizeViewPath, KeepsTheLimitWhenItAddsTheSlash) {
  std::string path;  // Names of 255 and a slash each: 65,535 bytes without the leading slash.
  while (path.size() + 256 <= kPathBytesMax) path += std::string(255, 'n') + "/";
  path += std::string(kPathBytesMax - path.size(), 'm');
  ASSERT_EQ(path.size(), kPathBytesMax);
  const Result<std::string> normal = NormalizeViewPath(path);
  EXPECT_FALSE(normal.ok());
  path.pop_back();
  EXPECT_TRUE(IsNormalViewPath(NormalizeViewPath(path).value()));
}

TEST(NormalizeViewPath, AgreesWithIsNormalViewPath) {
  constexpr std::string_view kPieces[] = {"/", "/", "a", ".", "..", "b\xff", "//", "/./", "\x01"};
  for (std::uint64_t seed = 0; seed < 20'000; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    std::string path;
    for (std::uint64_t n = random.Below(8); n > 0; --n) path += kPieces[random.Below(9)];
    if (random.Chance(1, 50)) path += '\0';
    if (random.Chance(1, 50)) path += "/" + std::string(254 + random.Below(3), 'n');
    const Result<std::string> normal = NormalizeViewPath(path);
    EXPECT_EQ(IsNormalViewPath(path), normal.ok() && *normal == path) << PrintablePath(path);
    if (!normal.ok()) continue;
    EXPECT_TRUE(IsNormalViewPath(*normal)) << PrintablePath(*normal);
    EXPECT_EQ(NormalizeViewPath(*normal).value(), *normal);
  }
}

TEST(Path, SplitAndJoinAreInverse) {
  for (const std::string path : {"/a", "/a/b", "/a/b/c d", "/\xff/x"}) {
    const auto [directory, name] = SplitPath(path);
    EXPECT_EQ(JoinPath(directory, name), path);
    EXPECT_EQ(name.find('/'), std::string_view::npos);
  }
  EXPECT_EQ(SplitPath("/a"), std::pair(std::string_view("/"), std::string_view("a")));
  EXPECT_EQ(SplitPath("/"), std::pair(std::string_view(""), std::string_view("")));
}

TEST(Path, IsWithinLooksAtWholeComponents) {
  EXPECT_TRUE(IsWithin("/a", "/a"));
  EXPECT_TRUE(IsWithin("/a/b", "/a"));
  EXPECT_TRUE(IsWithin("/a", "/"));
  EXPECT_FALSE(IsWithin("/ab", "/a"));
  EXPECT_FALSE(IsWithin("/", "/a"));
  EXPECT_FALSE(IsWithin("/b/a", "/a"));
}

TEST(Path, NextComponentWalksTheWholePath) {
  std::string_view rest = "/a/bc/d";
  std::vector<std::string> names;
  for (std::string_view name; !(name = NextComponent(&rest)).empty();) names.emplace_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"a", "bc", "d"}));
  rest = "/";
  EXPECT_EQ(NextComponent(&rest), "");
}

TEST(Path, PrintableShowsHostileBytes) {
  EXPECT_EQ(PrintablePath("/a\n\x1b[31m\\\xff\x7f\xc3\xa9"),
            "/a\\x0a\\x1b[31m\\\\\\xff\\x7f\xc3\xa9");
}

// One code point at a time by the encoding table; the dumbest reader that can be right.
bool IsUtf8ByTable(std::string_view s) {
  for (std::size_t i = 0; i < s.size();) {
    bool found = false;
    for (std::size_t n = 1; n <= 4 && i + n <= s.size() && !found; ++n) {
      const auto first = static_cast<std::uint8_t>(s[i]);
      std::uint32_t point = n == 1 ? first : first & (0x7Fu >> n);
      const bool lead = n == 1 ? first < 0x80 : (first >> (7 - n)) == (0xFFu >> (7 - n)) - 1u;
      bool tails = true;
      for (std::size_t k = 1; k < n; ++k) {
        const auto b = static_cast<std::uint8_t>(s[i + k]);
        tails = tails && (b >> 6) == 2;
        point = point << 6 | (b & 63u);
      }
      constexpr std::uint32_t kFirst[] = {0, 0, 0x80, 0x800, 0x10000};
      const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
      if (lead && tails && point >= kFirst[n] && point <= 0x10FFFF && !surrogate) {
        found = true;
        i += n;
      }
    }
    if (!found) return false;
  }
  return true;
}

TEST(IsUtf8, AgreesWithTheTableForEveryStartOfThreeBytes) {
  for (std::uint32_t bits = 0; bits < 1u << 24; bits += 7) {  // 7: odd, so every residue comes by.
    const char bytes[] = {static_cast<char>(bits >> 16), static_cast<char>(bits >> 8),
                          static_cast<char>(bits)};
    const std::string_view s(bytes, 3);
    ASSERT_EQ(IsUtf8(s), IsUtf8ByTable(s)) << bits;
  }
}

TEST(IsUtf8, AgreesWithTheTableForRandomBytes) {
  constexpr unsigned char kBytes[] = {0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF,
                                      0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE,
                                      0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF};
  for (std::uint64_t seed = 0; seed < 200'000; ++seed) {
    Prng random(seed);
    std::string s;
    for (std::uint64_t n = random.Below(6); n > 0; --n) {
      s += static_cast<char>(kBytes[random.Below(sizeof kBytes)]);
    }
    ASSERT_EQ(IsUtf8(s), IsUtf8ByTable(s)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace fustor
