#include "svc/client/core/find_expression.h"

#include <gtest/gtest.h>

namespace fustor::client {
namespace {

constexpr WallTime kNow{1'800'000'000'000'000'000};
constexpr std::int64_t kDay = 86'400'000'000'000;

struct Entry {
  std::string shown;
  std::uint32_t type = 0100000;
  std::int64_t size = 0;
  std::int64_t mtime_ns = kNow.ns;
  std::uint32_t mode = 0644;
  std::uint64_t entries = 1;  // Of a directory, itself included.
};

class FakeAccounts : public Accounts {
 public:
  std::string UserName(std::uint32_t uid) const override { return uid == 7 ? "ann" : "42"; }
  std::string GroupName(std::uint32_t gid) const override { return gid == 7 ? "staff" : "42"; }
};

bool Matches(const std::vector<std::string>& args, const Entry& entry) {
  const Result<FindRequest> request = ParseFind(args, kNow);
  EXPECT_TRUE(request.ok()) << request.status().ToString();
  Node node;
  node.path = entry.shown;
  node.attrs.mode = entry.type | entry.mode;
  node.attrs.kind = entry.type == 0040000   ? EntryKind::kDirectory
                    : entry.type == 0120000 ? EntryKind::kSymlink
                                            : EntryKind::kFile;
  node.attrs.size_bytes = entry.size;
  node.attrs.mtime_ns = entry.mtime_ns;
  node.attrs.uid = 7;
  node.attrs.gid = 42;
  if (node.attrs.is_directory()) node.totals = Totals{.directories = entry.entries};
  const FakeAccounts accounts;
  return request.ok() && request->expression->Matches({&node, entry.shown, &accounts});
}

TEST(FindExpression, AnswersAsFindDoes) {
  const Entry file{.shown = "d/Report.TXT", .size = 1025};
  const Entry old{.shown = "d/x", .mtime_ns = kNow.ns - 3 * kDay - 1};
  const Entry future{.shown = "d/x", .mtime_ns = kNow.ns + kDay};
  const Entry directory{.shown = "d", .type = 0040000, .mode = 0755};
  const Entry full{.shown = "d", .type = 0040000, .entries = 2};
  const Entry link{.shown = "l", .type = 0120000, .mode = 0777};
  const struct {
    std::vector<std::string> args;
    Entry entry;
    bool matches;
  } cases[] = {
      {{}, file, true},
      {{"-name", "*.TXT"}, file, true},
      {{"-name", "*.txt"}, file, false},
      {{"-iname", "*.txt"}, file, true},
      {{"-iname", "REPORT.[s-u]xt"}, file, true},
      {{"-name", "Report.TXT"}, file, true},
      {{"-name", "Report"}, file, false},
      {{"-name", "d*"}, file, false},  // The name, not the path.
      {{"-path", "d/*"}, file, true},
      {{"-name", "Report\\.TXT"}, file, true},
      {{"-type", "f"}, file, true},
      {{"-type", "d"}, file, false},
      {{"-type", "d"}, directory, true},
      {{"-type", "l"}, link, true},
      {{"-type", "f,l"}, link, true},
      {{"-type", "f,d"}, link, false},
      {{"-size", "3"}, file, true},  // 1025 bytes are three blocks of 512.
      {{"-size", "1025c"}, file, true},
      {{"-size", "+1k"}, file, true},
      {{"-size", "2k"}, file, true},
      {{"-size", "-2k"}, file, false},
      {{"-size", "-1M"}, file, false},  // Rounded up to 1M.
      {{"-size", "1M"}, file, true},
      {{"-size", "+0"}, directory, false},
      {{"-empty"}, file, false},
      {{"-empty"}, old, true},
      {{"-empty"}, directory, true},
      {{"-empty"}, full, false},
      {{"-empty"}, link, false},
      {{"-user", "ann"}, file, true},
      {{"-user", "7"}, file, true},
      {{"-user", "bob"}, file, false},
      {{"-group", "42"}, file, true},
      {{"-group", "staff"}, file, false},
      {{"-mtime", "3"}, old, true},
      {{"-mtime", "+3"}, old, false},
      {{"-mtime", "+2"}, old, true},
      {{"-mtime", "-4"}, old, true},
      {{"-mtime", "-1"}, future, true},
      {{"-mtime", "+0"}, future, false},
      {{"-mmin", "-5"}, old, false},
      {{"-mmin", "+5"}, old, true},
      {{"-perm", "644"}, file, true},
      {{"-perm", "-044"}, file, true},
      {{"-perm", "/111"}, file, false},
      {{"!", "-name", "R*"}, file, false},
      {{"-not", "-not", "-name", "R*"}, file, true},
      {{"-name", "x", "-o", "-name", "R*"}, file, true},
      {{"-name", "x", "-o", "-type", "f", "-name", "y"}, file, false},
      {{"(", "-name", "x", "-o", "-name", "R*", ")", "-type", "f"}, file, true},
      {{"(", "-name", "x", "-o", "-name", "R*", ")", "-a", "-type", "d"}, file, false},
      {{"-true", "!", "-false"}, file, true},
  };
  for (const auto& c : cases) {
    std::string text;
    for (const std::string& arg : c.args) text += arg + " ";
    EXPECT_EQ(Matches(c.args, c.entry), c.matches) << text << "on " << c.entry.shown;
  }
}

TEST(FindExpression, ReadsPathsAndSettings) {
  const auto request = ParseFind({"a", "-", "--json", "-maxdepth", "2", "-mindepth", "1", "-print0",
                                  "--url", "http://h", "-limit", "7"},
                                 kNow);
  ASSERT_TRUE(request.ok()) << request.status().ToString();
  EXPECT_EQ(request->paths, (std::vector<std::string>{"a", "-"}));
  EXPECT_EQ(request->depth_max, 2u);
  EXPECT_EQ(request->depth_min, 1u);
  EXPECT_EQ(request->limit, 7u);
  EXPECT_TRUE(request->zero && request->json);
  EXPECT_EQ(request->url, "http://h");
  EXPECT_TRUE(ParseFind({"(", "-name", "a", "-o", "-name", "b", ")", "-print0"}, kNow)->zero);
  EXPECT_EQ(ParseFind({}, kNow)->paths, std::vector<std::string>{"."});
}

TEST(FindExpression, AsksOnlyForWhatItLooksAt) {
  EXPECT_FALSE(ParseFind({".", "-name", "x", "-maxdepth", "1", "-print0"}, kNow)->needs_attributes);
  EXPECT_TRUE(ParseFind({"-name", "x", "-o", "-type", "d"}, kNow)->needs_attributes);
  EXPECT_FALSE(ParseFind({"-type", "d"}, kNow)->needs_totals);
  EXPECT_TRUE(ParseFind({"!", "-empty"}, kNow)->needs_totals);
  EXPECT_TRUE(ParseFind({"--wait"}, kNow)->wait);
}

TEST(FindExpression, NarrowsOnlyByWhatMustHold) {
  const auto narrow = [](std::vector<std::string> args) {
    const auto request = ParseFind(args, kNow);
    EXPECT_TRUE(request.ok()) << request.status().ToString();
    return request.ok() ? request->narrowing : Narrowing();
  };
  EXPECT_EQ(narrow({"-name", "*.c"}).pattern, "*.c");
  EXPECT_EQ(narrow({"-name", "plain"}).pattern, "plain");
  EXPECT_EQ(narrow({"-iname", "*report*x"}).pattern, "report");
  EXPECT_EQ(narrow({"-iname", "a\\*b*"}).pattern, "");
  EXPECT_EQ(narrow({"-name", "a\\b"}).pattern, "ab");
  EXPECT_EQ(narrow({"!", "-name", "*.c"}).pattern, "");
  EXPECT_EQ(narrow({"(", "-name", "*.c", ")"}).pattern, "");
  EXPECT_EQ(narrow({"-name", "*.c", "-o", "-type", "d"}).pattern, "");
  EXPECT_EQ(narrow({"-type", "d", "-o", "-name", "*.c"}).type, std::nullopt);
  EXPECT_EQ(narrow({"-type", "l"}).type, "symlink");
  EXPECT_EQ(narrow({"-type", "f,d"}).type, std::nullopt);
  EXPECT_EQ(narrow({"-size", "+1k"}).size_min_bytes, 1025);
  EXPECT_EQ(narrow({"-size", "-2k"}).size_max_bytes, 1024);
  EXPECT_EQ(narrow({"-size", "2k"}).size_max_bytes, 2048);
  EXPECT_EQ(narrow({"-mtime", "-1"}).mtime_min_ns, kNow.ns - 2 * kDay);
  EXPECT_EQ(narrow({"-size", "+9223372036854775807G"}).size_min_bytes, std::nullopt);
}

TEST(FindExpression, ExplainsMistakes) {
  const struct {
    std::vector<std::string> args;
    std::string says;
  } cases[] = {
      {{"-nmae", "x"}, "there is no '-nmae'; did you mean '-name'?"},
      {{"-name"}, "-name needs a value"},
      {{"-name", "x", "path"}, "paths come before the expression: 'path'"},
      {{"(", "-name", "x"}, "'(' without ')'"},
      {{"-name", "x", ")"}, "')' without '('"},
      {{"!"}, "'!' needs an expression behind it"},
      {{"-true", "-o"}, "-o needs an expression on its right"},
      {{"-a", "-true"}, "-a needs an expression on both sides"},
      {{"-type", "x"}, "-type takes f, d, l, p, s, b or c, with commas between, not 'x'"},
      {{"-type", "f,"}, "-type takes f, d, l, p, s, b or c, with commas between, not 'f,'"},
      {{"-size", "big"}, "-size takes [+|-]N[cwbkMG], not 'big'"},
      {{"-size", ""}, "-size takes [+|-]N[cwbkMG], not ''"},
      {{"-maxdepth", "-1"}, "-maxdepth takes a number, not '-1'"},
      {{"-true", "-o", "-true", "-print0"},
       "-print0 holds for the whole search: write it outside of ( ), ! and -o"},
      {{"-delete"},
       "-delete is not here: fustor only looks. Pipe to a program instead: fustor find ... -print0 "
       "| xargs -0 PROGRAM"},
      {{"(", "-print", ")"},
       "-print holds for the whole search: write it outside of ( ), ! and -o"},
  };
  for (const auto& c : cases) {
    const auto request = ParseFind(c.args, kNow);
    ASSERT_FALSE(request.ok()) << c.says;
    EXPECT_EQ(request.status().message(), c.says);
  }
  EXPECT_FALSE(ParseFind(std::vector<std::string>(10'000, "("), kNow).ok());
}

}  // namespace
}  // namespace fustor::client
