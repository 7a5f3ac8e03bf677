#include "lib/tree/search.h"

#include <fnmatch.h>
#include <gtest/gtest.h>
#include <regex.h>

#include <algorithm>

#include "base/path.h"
#include "base/prng.h"

namespace fustor::tree {
namespace {

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
      entry.attrs.ctime_ns = random->Between(0, 20);
      entry.attrs.atime_ns = random->Between(0, 20);
      entry.attrs.uid = static_cast<std::uint32_t>(random->Below(4));
      entry.attrs.gid = static_cast<std::uint32_t>(random->Below(4)) << 30;
      entry.attrs.mode = static_cast<std::uint32_t>(random->Below(010000));
      entry.attrs.nlink = static_cast<std::uint32_t>(random->Below(4));
      entry.flags = static_cast<std::uint8_t>(random->Below(32));
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

  static bool NaivePasses(const SearchQuery& query, const std::string& path, const Entry& entry) {
    const EntryAttrs& a = entry.attrs;
    if (query.ctime_min_ns && a.ctime_ns < *query.ctime_min_ns) return false;
    if (query.ctime_max_ns && a.ctime_ns > *query.ctime_max_ns) return false;
    if (query.atime_min_ns && a.atime_ns < *query.atime_min_ns) return false;
    if (query.atime_max_ns && a.atime_ns > *query.atime_max_ns) return false;
    const auto among = [](std::uint32_t id, const std::vector<std::uint32_t>& ids) {
      return ids.empty() || std::find(ids.begin(), ids.end(), id) != ids.end();
    };
    if (!among(a.uid, query.uids) || !among(a.gid, query.gids)) return false;
    if (query.mode && !query.mode->Passes(a.mode, a.is_directory())) return false;
    if (a.nlink < query.links_min) return false;
    std::string name(SplitPath(path).second);
    if (query.regex && !LibcFinds(kRegexes[RegexOf(query)], query.regex_on_path ? path : name)) {
      return false;
    }
    std::string extension;
    if (const auto dot = name.rfind('.'); dot != std::string::npos && dot > 0) {
      extension = name.substr(dot + 1);
    }
    for (char& c : extension) c = static_cast<char>(std::tolower(c));
    if (!query.extensions.empty() && std::find(query.extensions.begin(), query.extensions.end(),
                                               extension) == query.extensions.end()) {
      return false;
    }
    const auto under = [&](const std::vector<std::string>& subtrees) {
      return std::any_of(subtrees.begin(), subtrees.end(),
                         [&](const std::string& s) { return IsWithin(path, s); });
    };
    int marks = entry.flags ^ kKnownByAgent;
    if (under(query.uncertain_under)) marks |= kMarkUncertain;
    if (under(query.audit_only_under)) marks |= kMarkAuditOnly;
    return (query.marks_any == 0 || (marks & query.marks_any) != 0) &&
           (marks & query.marks_none) == 0;
  }

  static constexpr const char* kRegexes[] = {"^shared.*g$", "[0-9]{2}", "(read|Me)+-?x", "/[^/]*a/",
                                             "^/s.*b"};
  static std::size_t RegexOf(const SearchQuery& query) { return query.uids.size() % 5; }
  static bool LibcFinds(const char* pattern, const std::string& text) {
    regex_t compiled;
    EXPECT_EQ(::regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB), 0);
    const bool found = ::regexec(&compiled, text.c_str(), 0, nullptr, 0) == 0;
    ::regfree(&compiled);
    return found;
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
      if (!NaivePasses(query, path, entry)) continue;
      if (Components(path).size() - base < query.depth_min) continue;
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
    if (random->Chance(1, 8)) query.depth_min = static_cast<std::uint32_t>(random->Below(4));
    if (random->Chance(1, 2)) AddRarer(random, &query);
    return query;
  }

  void AddRarer(Prng* random, SearchQuery* query) const {
    const auto number = [&] { return random->Between(0, 20); };
    const auto bits = [&] { return static_cast<std::uint8_t>(1u << random->Below(6)); };
    if (random->Chance(1, 6)) query->ctime_min_ns = number();
    if (random->Chance(1, 6)) query->ctime_max_ns = number();
    if (random->Chance(1, 6)) query->atime_min_ns = number();
    if (random->Chance(1, 6)) query->atime_max_ns = number();
    for (std::uint32_t id = 0; id < 4; ++id) {
      if (random->Chance(1, 6)) query->uids.push_back(id);
      if (random->Chance(1, 6)) query->gids.push_back(id << 30);
    }
    static const char* const kModes[] = {"/022", "-4", "-u=x", "/a+w", "-7000", "/0"};
    if (random->Chance(1, 4)) query->mode = mode::ParseModeTest(kModes[random->Below(6)]);
    if (random->Chance(1, 6)) query->links_min = static_cast<std::uint32_t>(random->Below(4));
    if (random->Chance(1, 6)) query->extensions = {"log"};
    if (random->Chance(1, 8)) query->extensions = {"", "log01", "loglog"};
    if (random->Chance(1, 4)) query->marks_any = bits();
    if (random->Chance(1, 8)) query->marks_any |= bits();
    if (random->Chance(1, 6)) query->marks_none = bits();
    for (auto* subtrees : {&query->uncertain_under, &query->audit_only_under}) {
      for (int i = 0; i < 3 && random->Chance(1, 2); ++i) {
        subtrees->push_back(rows_[random->Below(rows_.size())].path);
      }
      if (random->Chance(1, 20)) subtrees->push_back("/");
      std::sort(subtrees->begin(), subtrees->end());
    }
    if (!random->Chance(1, 4)) return;
    const std::string text = kRegexes[RegexOf(*query)];
    query->regex = std::make_shared<const regex::Regex>(
        regex::Regex::Compile(text, {.anywhere = true}).value());
    query->regex_on_path = text.find('/') != std::string::npos;
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

TEST_F(SearchTest, ARegexThatIsSlowUsesUpTheBudget) {
  Prng random(8);
  Fill(&random, 2000);
  const Snapshot snapshot = *tree_.Pin();
  SearchQuery query;
  query.regex = std::make_shared<const regex::Regex>(
      regex::Regex::Compile("(e|a).{12}(01|-)", {.anywhere = true}).value());
  std::vector<std::string> whole, sliced;
  const auto into = [](std::vector<std::string>* paths) {
    return [paths](std::string_view path, const auto&) {
      paths->emplace_back(path);
      return true;
    };
  };
  std::uint64_t slices = 0;
  for (std::optional<std::string> after = ""; after; ++slices) {
    after = Search(snapshot, query, *after, 1000, into(&sliced));
  }
  EXPECT_GT(slices, rows_.size() / 1000 + 1) << "what it costs must count";
  EXPECT_FALSE(Search(snapshot, query, "", UINT64_MAX, into(&whole)).has_value());
  EXPECT_EQ(sliced, whole);
  EXPECT_FALSE(whole.empty());
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
