#include "lib/regex/regex.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "lib/regex/parser.h"

namespace fustor::regex {
namespace {

bool Matches(std::string_view pattern, Syntax syntax, std::string_view text,
             bool any_case = false) {
  const Result<Regex> regex = Regex::Compile(pattern, syntax, any_case);
  EXPECT_TRUE(regex.ok()) << pattern << ": " << regex.status().ToString();
  return regex.ok() && regex->MatchesWhole(text);
}

TEST(Regex, ReadsTheDialectsOfFind) {
  constexpr Syntax kFind = Syntax::kFindDefault;
  constexpr Syntax kEmacs = Syntax::kEmacs;
  constexpr Syntax kBasic = Syntax::kPosixBasic;
  constexpr Syntax kExtended = Syntax::kPosixExtended;
  const struct {
    std::string pattern;
    Syntax syntax;
    std::string text;
    bool matches;
  } cases[] = {
      {"", kFind, "", true},
      {"", kFind, "a", false},
      {"abc", kFind, "abc", true},
      {"abc", kFind, "xabc", false},  // The whole text.
      {".*/a+b?", kFind, "./x/aab", true},
      {"a\\|b", kFind, "b", true},
      {"a|b", kFind, "a|b", true},
      {"a|b", kExtended, "b", true},
      {"a|b", kBasic, "b", false},
      {"\\(ab\\)*", kFind, "abab", true},
      {"(ab)*", kFind, "(abb)", false},
      {"(ab)*", kFind, "(abab)", false},
      {"(ab)*", kFind, "(ab", true},
      {"(ab)*", kExtended, "abab", true},
      {"a{2,3}", kExtended, "aa", true},
      {"a{2,3}", kExtended, "aaaa", false},
      {"a{,2}", kExtended, "", true},
      {"a{2,}", kExtended, "aaaaa", true},
      {"a\\{2\\}", kBasic, "aa", true},
      {"a{2}", kFind, "a{2}", true},
      {"*a", kFind, "*a", true},
      {"a+", kBasic, "a+", true},
      {"a\\+", kBasic, "aaa", true},
      {"a\\+", kFind, "a+", true},
      {"[a-c]x", kFind, "bx", true},
      {"[^a-c]x", kFind, "bx", false},
      {"[]a]*", kFind, "]a]", true},
      {"[a\\]*", kFind, "a\\a", true},
      {"[[:digit:]]+", kExtended, "0123", true},
      {"[[:digit:]]", kFind, "d]", true},  // No classes there.
      {"^a$", kFind, "a", true},
      {"a^b$c", kFind, "a^b$c", true},
      {"a^b", kExtended, "a^b", false},
      {"^*a", kFind, "*a", true},
      {"a.b", kFind, "a\nb", true},
      {"a.b", kEmacs, "a\nb", false},
      {"a$\n^b", kExtended, "a\nb", true},
      {"(a$)\n(^b)", kExtended, "a\nb", true},
      {"\\w+\\W\\s", kFind, "a_1- ", true},
      {"\xff.", kFind, "\xff\xfe", true},
      {"a)", kExtended, "a)", true},
      {"((a*)*)*", kExtended, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", false},
      {"a\\.b", kFind, "a.b", true},
      {"a\\.b", kFind, "axb", false},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Matches(c.pattern, c.syntax, c.text), c.matches) << c.pattern << " on " << c.text;
  }
  EXPECT_TRUE(Matches("REPORT.[a-c]", kFind, "report.B", true));
  EXPECT_EQ(SyntaxByName("sed"), kBasic);
  EXPECT_EQ(SyntaxByName("perl"), std::nullopt);
}

TEST(Regex, ExplainsMistakes) {
  const struct {
    std::string pattern;
    std::string says;
  } cases[] = {
      {"(a", "a '(' is not closed"},
      {"[a", "a '[' is not closed"},
      {"[[:alfa:]]", "there is no class [:alfa:]"},
      {"*a", "nothing stands before '*'"},
      {"a|+", "nothing stands before '+'"},
      {"a{x}", "a '{' is not followed by numbers and '}'"},
      {"a{3,2}", "an interval {n,m} has n above m"},
      {"a{9999}", "an interval repeats more than 1000 times"},
      {"(a)\\1", "back references (\\1) are not read here"},
      {"a\\b", "\\b is not read here"},
      {"a\\", "a '\\' stands at the end"},
      {"[b-a]", "a range in [] runs backwards"},
      {"((a{1000}){1000}){1000}", "it is too large"},
      {"((){1000}){1000}", "it is too large"},
  };
  for (const auto& c : cases) {
    const Result<Regex> regex = Regex::Compile(c.pattern, Syntax::kPosixExtended, false);
    ASSERT_FALSE(regex.ok()) << c.pattern;
    EXPECT_EQ(regex.status().message(), c.says);
  }
  EXPECT_FALSE(Regex::Compile(std::string(100'000, '('), Syntax::kPosixExtended, false).ok());
  EXPECT_FALSE(Regex::Compile("a" + std::string(100'000, '*'), Syntax::kFindDefault, false).ok());
}

// Forgets its states on the way and goes on.
TEST(Regex, MeetsMoreStatesThanItKeeps) {
  const Result<Regex> regex = Regex::Compile("(.*a.{12})|b*", Syntax::kPosixExtended, false);
  ASSERT_TRUE(regex.ok());
  std::mt19937 rng(7);
  std::string text;
  for (int i = 0; i < 8000; ++i) text += "abc"[rng() % 3];
  for (std::size_t size = text.size() - 50; size <= text.size(); ++size) {
    const std::string_view part = std::string_view(text).substr(0, size);
    EXPECT_EQ(regex->MatchesWhole(part), part[size - 13] == 'a') << size;
  }
}

// Where a match that begins at `from` may end: the tree itself, read in the dumbest way.
std::set<std::size_t> Ends(const Node& node, std::string_view text, std::size_t from) {
  std::set<std::size_t> ends;
  switch (node.kind) {
    case Node::Kind::kBytes:
      if (from < text.size() && node.bytes[static_cast<unsigned char>(text[from])]) {
        ends.insert(from + 1);
      }
      return ends;
    case Node::Kind::kLineBegin:
      if (from == 0 || text[from - 1] == '\n') ends.insert(from);
      return ends;
    case Node::Kind::kLineEnd:
      if (from == text.size() || text[from] == '\n') ends.insert(from);
      return ends;
    case Node::Kind::kSequence:
      ends.insert(from);
      for (const Node& part : node.parts) {
        std::set<std::size_t> further;
        for (const std::size_t end : ends) further.merge(Ends(part, text, end));
        ends = further;
      }
      return ends;
    case Node::Kind::kAlternatives:
      for (const Node& part : node.parts) ends.merge(Ends(part, text, from));
      return ends;
    case Node::Kind::kRepeat: {
      std::set<std::size_t> now = {from};
      if (node.least == 0) ends.insert(from);
      for (std::uint32_t i = 1; i <= std::min(node.most, node.least + 20); ++i) {
        std::set<std::size_t> further;
        for (const std::size_t end : now) further.merge(Ends(node.parts[0], text, end));
        now = further;
        if (i >= node.least) ends.insert(now.begin(), now.end());
      }
      return ends;
    }
  }
  return ends;
}

TEST(Regex, AgreesWithTheTreeReadDumbly) {
  constexpr std::string_view kPieces[] = {"a",   "b",     ".",       "*",  "+", "?",   "\\(", "\\)",
                                          "\\|", "[ab]",  "[^a]",    "^",  "$", "\n",  "(",   ")",
                                          "|",   "{1,2}", "\\{2\\}", "ab", "c", "\\w", "\\+"};
  int compiled = 0, matched = 0;
  for (unsigned seed = 0; seed < 6000; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 rng(seed);
    std::string pattern;
    for (auto n = rng() % 9; n > 0; --n) pattern += kPieces[rng() % std::size(kPieces)];
    const auto syntax = static_cast<Syntax>(rng() % 4);
    const Result<Regex> regex = Regex::Compile(pattern, syntax, false);
    const Result<Node> tree = Parse(pattern, syntax);
    ASSERT_EQ(regex.ok(), tree.ok()) << pattern;
    if (!regex.ok()) continue;
    ++compiled;
    for (int i = 0; i < 20; ++i) {
      std::string text;
      for (auto n = rng() % 7; n > 0; --n) text += "aabbc\n+"[rng() % 7];
      const bool expected = Ends(*tree, text, 0).contains(text.size());
      ASSERT_EQ(regex->MatchesWhole(text), expected) << pattern << " on '" << text << "'";
      matched += expected ? 1 : 0;
    }
  }
  EXPECT_GT(compiled, 2000);
  EXPECT_GT(matched, 2000);
}

TEST(RegexTest, FindsAMatchAnywhere) {
  struct Case {
    const char* pattern;
    const char* text;
    bool found;
  };
  const Case cases[] = {
      {"b", "abc", true},       {"^b", "abc", false},      {"^ab", "abc", true},
      {"c$", "abc", true},      {"b$", "abc", false},      {"", "abc", true},
      {"^$", "", true},         {"^$", "x", false},        {"x|c", "abc", true},
      {"^x|b", "abc", true},    {"(a|b){2}", "xab", true}, {"^b", "a\nb", true},
      {"[^a-c]", "abc", false}, {"B", "abc", false},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(std::string(c.pattern) + " in " + c.text);
    const Result<Regex> regex = Regex::Compile(c.pattern, {.anywhere = true});
    ASSERT_TRUE(regex.ok()) << regex.status().ToString();
    EXPECT_EQ(regex->MatchesWhole(c.text), c.found);
  }
  EXPECT_TRUE(Regex::Compile("B", {.any_case = true, .anywhere = true})->MatchesWhole("abc"));
}

TEST(RegexTest, RefusesMoreInstructionsThanAllowed) {
  EXPECT_TRUE(Regex::Compile("a{50}", {.instructions_max = 100}).ok());
  EXPECT_EQ(Regex::Compile("a{50}b{50}", {.instructions_max = 100}).status().code(),
            Code::kInvalidArgument);
  EXPECT_FALSE(Regex::Compile("((a{50}){50}){50}", {.instructions_max = 1000}).ok());
}

}  // namespace
}  // namespace fustor::regex
