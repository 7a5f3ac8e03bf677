#include "lib/glob/glob.h"

#include <fnmatch.h>
#include <gtest/gtest.h>

#include "base/prng.h"

namespace fustor::glob {
namespace {

TEST(Glob, MatchesAsTheShellDoes) {
  struct Case {
    const char* pattern;
    const char* text;
    bool matches;
  };
  const Case cases[] = {
      {"", "", true},
      {"", "a", false},
      {"*", "", true},
      {"*", "a/b", true},
      {"*.txt", "a.txt", true},
      {"*.txt", ".txt", true},
      {"*.txt", "a.txt2", false},
      {"a?c", "abc", true},
      {"a?c", "a/c", true},
      {"a?c", "ac", false},
      {"[a-c]x", "bx", true},
      {"[!a-c]x", "bx", false},
      {"[!a-c]x", "dx", true},
      {"[]x]", "]", true},
      {"[!]x]", "]", false},
      {"[a-]", "-", true},
      {"[\\]]", "]", true},
      {"\\*", "*", true},
      {"\\*", "a", false},
      {"a\\", "a\\", false},
      {"[ab", "[ab", true},
      {"[ab", "a", false},
      {"*a*b*c*", "xxaxxbxxcxx", true},
      {"*a*b*c*", "xxaxxcxxbxx", false},
      {"[[:digit:]]*", "7up", true},
      {"*\xff", "\x80\xff", true},
      {"[\x80-\xff]", "\x90", true},
      {"a*a", "a", false},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(Glob(c.pattern).Matches(c.text), c.matches) << c.pattern << " on " << c.text;
    EXPECT_EQ(::fnmatch(c.pattern, c.text, 0) == 0, c.matches) << c.pattern << " on " << c.text;
  }
  EXPECT_TRUE(Glob::IsPattern("a*") && Glob::IsPattern("?") && Glob::IsPattern("[a]"));
  EXPECT_FALSE(Glob::IsPattern("a.b\\c]"));
}

std::string RandomPattern(Prng* random) {
  std::string pattern;
  for (std::uint64_t n = random->Below(8); n > 0; --n) {
    const char c = "abA/.-"[random->Below(6)];
    switch (random->Below(7)) {
      case 0:
        pattern += '*';
        break;
      case 1:
        pattern += '?';
        break;
      case 2:
        pattern += random->Chance(1, 2) ? "[" : "[!";
        pattern += random->Chance(1, 2) ? "a-b" : "A.";
        pattern += random->Chance(1, 3) ? "[:upper:]]" : "]";
        break;
      case 3:
        (pattern += '\\') += c;
        break;
      default:
        pattern += c;
    }
  }
  return pattern;
}

TEST(Glob, AgreesWithFnmatch) {
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    Prng random(seed);
    const std::string pattern = RandomPattern(&random);
    const Glob glob(pattern);
    for (int i = 0; i < 40; ++i) {
      std::string text;
      for (std::uint64_t n = random.Below(9); n > 0; --n) text += "abA/.-["[random.Below(7)];
      ASSERT_EQ(glob.Matches(text), ::fnmatch(pattern.c_str(), text.c_str(), 0) == 0)
          << "seed " << seed << ": " << pattern << " on " << text;
    }
  }
}

TEST(Glob, ManyStarsStayCheap) {
  std::string pattern;
  for (int i = 0; i < 50; ++i) pattern += "*a";
  pattern += "*b";
  EXPECT_FALSE(Glob(pattern + "c*").Matches(std::string(4000, 'a')));
}

TEST(Glob, BracketsThatAreNeverClosedStayCheap) {
  std::string opened, classes, escaped;
  for (int i = 0; i < 2000; ++i) {
    opened += "[";
    classes += "[[:alpha:]";
    escaped += "[:";
  }
  escaped += "\\]";
  const std::string text(255, '[');
  for (const std::string& pattern : {opened, classes, escaped, "*" + escaped}) {
    const Glob glob(pattern);
    for (int i = 0; i < 1000; ++i) EXPECT_FALSE(glob.Matches(text));
  }
  EXPECT_TRUE(Glob("[[").Matches("[["));
  EXPECT_TRUE(Glob("[[:alpha:][[:alpha:]").Matches("[a[") || Glob("[[:").Matches("[[:"));
}

TEST(Substring, IgnoresTheCaseOfAscii) {
  EXPECT_TRUE(Substring("ReAd").Matches("xxREADme"));
  EXPECT_FALSE(Substring("read").Matches("rea d"));
  EXPECT_TRUE(Substring("").Matches(""));
  EXPECT_FALSE(Substring("\xc3\xa9").Matches("\xc3\x89"));
}

}  // namespace
}  // namespace fustor::glob
