#include "lib/tree/search.h"

#include <fnmatch.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/path.h"
#include "base/prng.h"

namespace fustor::tree {
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

TEST(Substring, IgnoresTheCaseOfAscii) {
  EXPECT_TRUE(Substring("ReAd").Matches("xxREADme"));
  EXPECT_FALSE(Substring("read").Matches("rea d"));
  EXPECT_TRUE(Substring("").Matches(""));
  EXPECT_FALSE(Substring("\xc3\xa9").Matches("\xc3\x89"));
}

struct Row {
  std::string path;
  Entry entry;
};

// The order of a walk: components compared, a directory before what is in it.
std::vector<std::string_view> Components(std::string_view path) {
  std::vector<std::string_view> all;
  for (auto n = NextComponent(&path); !n.empty(); n = NextComponent(&path)) all.push_back(n);
  return all;
}

class SearchTest : public testing::Test {
 protected:
  void Fill(Prng* random, std::uint64_t rows) {
    static const char* const kWords[] = {"read", "Me", "a",  "x-ray", ".log", "LOG",
                                         "01",   "-",  "!b", "[c]",   "data"};
    std::vector<DirId> dirs = {kRoot};
    for (std::uint64_t i = 0; i < rows; ++i) {
      std::string name = random->Chance(1, 2) ? "shared-prefix-" : "";
      for (std::uint64_t n = 1 + random->Below(4); n > 0; --n) name += kWords[random->Below(11)];
      Entry entry;
      entry.attrs.kind = random->Chance(1, 12) ? EntryKind::kDirectory
                                               : static_cast<EntryKind>(2 * random->Below(2));
      entry.attrs.size_bytes = random->Between(0, 20);
      entry.attrs.mtime_ns = random->Between(0, 20);
      const DirId dir = dirs[random->Chance(1, 2) ? 0 : random->Below(dirs.size())];
      Entry old;
      if (tree_.Get(dir, name, &old)) continue;
      const DirId made = tree_.Put(dir, name, entry);
      if (made.value != 0) dirs.push_back(made);
      rows_.push_back({JoinPath(tree_.PathOf(dir), name), entry});
    }
    tree_.Publish();
    std::sort(rows_.begin(), rows_.end(),
              [](const Row& a, const Row& b) { return Components(a.path) < Components(b.path); });
  }

  std::vector<std::string> Naive(const SearchQuery& query) const {
    const std::size_t base = Components(query.under).size();
    const Substring substring(query.pattern);
    std::vector<std::string> found;
    for (const auto& [path, entry] : rows_) {
      const EntryAttrs& a = entry.attrs;
      if (!IsWithin(path, query.under)) continue;
      if (Components(path).size() - base > query.depth_max) continue;
      if (!(a.is_directory() ? query.directories : query.files)) continue;
      if (query.kind && *query.kind != a.kind) continue;
      if (query.size_min_bytes && a.size_bytes < *query.size_min_bytes) continue;
      if (query.size_max_bytes && a.size_bytes > *query.size_max_bytes) continue;
      if (query.mtime_min_ns && a.mtime_ns < *query.mtime_min_ns) continue;
      if (query.mtime_max_ns && a.mtime_ns > *query.mtime_max_ns) continue;
      const std::string name(SplitPath(path).second);
      const auto glob = [&](const std::string& text) {
        return ::fnmatch(query.pattern.c_str(), text.c_str(), 0) == 0;
      };
      const bool matches = query.pattern.empty()            ? true
                           : Glob::IsPattern(query.pattern) ? glob(path) || glob(name)
                                                            : substring.Matches(name);
      if (matches) found.push_back(path);
    }
    return found;
  }

  SearchQuery RandomQuery(Prng* random) const {
    static const char* const kPatterns[] = {
        "",      "me",   "READ",       "e-prefix-r", "x",     "shared", "fix-",  "0101",
        "*.log", "*me*", "/*/*[!a-z]", "shared*",    "*a/b*", "/sh*",   "?e*d*", "*[[]c]*",
    };
    SearchQuery query;
    query.pattern = kPatterns[random->Below(16)];
    if (random->Chance(1, 3)) query.under = rows_[random->Below(rows_.size())].path;
    if (random->Chance(1, 20)) query.under = "/nothing here";
    if (random->Chance(1, 6)) query.files = false;
    if (random->Chance(1, 6)) query.directories = false;
    if (random->Chance(1, 6)) query.kind = static_cast<EntryKind>(random->Below(4));
    if (random->Chance(1, 6)) query.size_min_bytes = random->Between(0, 20);
    if (random->Chance(1, 6)) query.size_max_bytes = random->Between(0, 20);
    if (random->Chance(1, 6)) query.mtime_min_ns = random->Between(0, 20);
    if (random->Chance(1, 6)) query.mtime_max_ns = random->Between(0, 20);
    if (random->Chance(1, 4)) query.depth_max = static_cast<std::uint32_t>(random->Below(4));
    return query;
  }

  Tree tree_;
  std::vector<Row> rows_;
};

TEST_F(SearchTest, FindsWhatANaiveMatcherFinds) {
  Prng random(5);
  Fill(&random, 3000);
  const Snapshot snapshot = *tree_.Pin();
  for (int i = 0; i < 600; ++i) {
    const SearchQuery query = RandomQuery(&random);
    SCOPED_TRACE("query " + std::to_string(i) + ": " + query.pattern + " under " + query.under);
    std::vector<std::string> found;
    const auto more = Search(snapshot, query, "", UINT64_MAX,
                             [&](std::string_view path, const Snapshot::Row& row) {
                               EXPECT_EQ(SplitPath(path).second, row.name());
                               EXPECT_TRUE(snapshot.Find(path)->attrs == row.Load().attrs);
                               found.emplace_back(path);
                               return true;
                             });
    ASSERT_FALSE(more.has_value());
    ASSERT_EQ(found, Naive(query));
  }
}

TEST_F(SearchTest, SlicesCoverEverythingExactlyOnce) {
  Prng random(6);
  Fill(&random, 1500);
  const Snapshot snapshot = *tree_.Pin();
  for (int i = 0; i < 300; ++i) {
    const SearchQuery query = RandomQuery(&random);
    SCOPED_TRACE("query " + std::to_string(i) + ": " + query.pattern + " under " + query.under);
    std::vector<std::string> found;
    std::optional<std::string> after = "";
    while (after) {
      const std::uint64_t budget = 1 + random.Below(200);
      std::uint64_t left = random.Chance(1, 2) ? 3 : UINT64_MAX;
      const std::string from = *after;
      after = Search(snapshot, query, from, budget, [&](std::string_view path, const auto&) {
        found.emplace_back(path);
        return --left > 0;
      });
      ASSERT_TRUE(!after || *after != from) << "no progress after " << from;
    }
    ASSERT_EQ(found, Naive(query));
  }
}

TEST_F(SearchTest, TheBudgetBoundsWhatIsLookedAt) {
  Prng random(7);
  Fill(&random, 2000);
  const Snapshot snapshot = *tree_.Pin();
  SearchQuery query;
  query.pattern = "matches nothing";
  std::uint64_t slices = 0;
  std::optional<std::string> after = "";
  for (; after; ++slices) {
    after = Search(snapshot, query, *after, 10, [](auto, const auto&) { return true; });
  }
  EXPECT_GE(slices, rows_.size() / 10);
  EXPECT_LE(slices, rows_.size() / 10 + 2);
  EXPECT_EQ(Search(snapshot, query, "/k", 0, [](auto, const auto&) { return true; }), "/k");
}

TEST_F(SearchTest, ResumesWhereTheEntryHasGone) {
  for (const char* name : {"a", "b", "d"}) {
    tree_.Put(tree_.EnsureDirectory(std::string("/") + name), "f", Entry{});
  }
  tree_.Publish();
  const Snapshot snapshot = *tree_.Pin();
  const auto first_after = [&](std::string_view after, const std::string& under = "/") {
    std::string first = "none";
    SearchQuery query;
    query.under = under;
    Search(snapshot, query, after, UINT64_MAX, [&](std::string_view path, const auto&) {
      first = path;
      return false;
    });
    return first;
  };
  EXPECT_EQ(first_after("/"), "/a");
  EXPECT_EQ(first_after("/a"), "/a/f");
  EXPECT_EQ(first_after("/a/f"), "/b");
  EXPECT_EQ(first_after("/a/f/gone/deeper"), "/b");
  EXPECT_EQ(first_after("/c/gone"), "/d");
  EXPECT_EQ(first_after("/d/f"), "none");
  EXPECT_EQ(first_after("/z"), "none");
  EXPECT_EQ(first_after("/a/f", "/b"), "/b");
  EXPECT_EQ(first_after("/b", "/b"), "/b/f");
  EXPECT_EQ(first_after("/c", "/b"), "none");
  EXPECT_EQ(first_after("/b!", "/b"), "none");
}

}  // namespace
}  // namespace fustor::tree
