#include "svc/client/core/find_expression.h"

#include <gtest/gtest.h>

#include <chrono>

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
  std::string target = "";
  bool on_terminal = false;
};

class FakeAccounts : public Accounts {
 public:
  std::string UserName(std::uint32_t uid) const override { return uid == 7 ? "ann" : "42"; }
  std::string GroupName(std::uint32_t gid) const override { return gid == 7 ? "staff" : "42"; }
};

// Two hours east of UTC, as far as a test needs it.
class FakeClock : public LocalClock {
 public:
  Civil LocalTime(WallTime time) const override {
    const std::string text = FormatUtc(time + std::chrono::hours(2));
    const auto number = [&text](std::size_t at, std::size_t n) {
      return std::stoi(text.substr(at, n));
    };
    return {.year = number(0, 4),
            .month = number(5, 2),
            .day = number(8, 2),
            .hour = number(11, 2),
            .minute = number(14, 2),
            .second = number(17, 2),
            .offset_minutes = 120,
            .zone = "EET"};
  }
};
const FakeClock kClock;

Result<FindRequest> ParseFind(const std::vector<std::string>& args) {
  return client::ParseFind(args, kNow, kClock);
}

class Deeds : public FindActions {
 public:
  void Print(const Candidate& c) override { text_ += std::string(c.shown) + "\n"; }
  void Write(std::string_view bytes) override { text_ += bytes; }
  void Prune() override { text_ += "<prune>"; }
  std::string text_;
};

// What is printed about an entry.
std::string Output(const std::vector<std::string>& args, const Entry& entry) {
  const Result<FindRequest> request = ParseFind(args);
  EXPECT_TRUE(request.ok()) << request.status().ToString();
  if (!request.ok()) return "";
  Node node;
  node.path = entry.shown;
  node.target = entry.target;
  node.attrs.mode = entry.type | entry.mode;
  node.attrs.kind = entry.type == 0040000   ? EntryKind::kDirectory
                    : entry.type == 0120000 ? EntryKind::kSymlink
                                            : EntryKind::kFile;
  node.attrs.size_bytes = entry.size;
  node.attrs.allocated_bytes = (entry.size + 511) / 512 * 512;
  node.attrs.mtime_ns = entry.mtime_ns;
  node.attrs.ctime_ns = entry.mtime_ns + 1;
  node.attrs.uid = 7;
  node.attrs.gid = 42;
  node.attrs.inode = 99;
  if (node.attrs.is_directory()) node.totals = Totals{.directories = entry.entries};
  const FakeAccounts accounts;
  FindContext context{.now = kNow, .accounts = &accounts, .clock = &kClock};
  context.on_terminal = entry.on_terminal;
  context.references.resize(request->references.size(), {.mtime_ns = kNow.ns - 10});
  Deeds deeds;
  const Candidate candidate{&node, "d", entry.shown, 1, &context};
  if (request->expression->Evaluate(candidate, deeds) == Verdict::kStop) deeds.text_ += "<stop>";
  return deeds.text_;
}

bool Matches(const std::vector<std::string>& args, const Entry& entry) {
  return !Output(args, entry).empty();
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
      {{"--name", "R*"}, file, true},
      {{"--name=R*", "--type=f"}, file, true},
      {{"--size=+1k", "!", "--empty"}, file, true},
      {{"--newermt=@0", "--maxdepth=3", "--print0"}, file, true},
      {{"-perm", "u=rw,go=r"}, file, true},
      {{"-perm", "-u+r"}, file, true},
      {{"-perm", "/a+x"}, file, false},
      {{"-perm", "a=X"}, file, false},
      {{"-perm", "-a+X"}, directory, true},
      {{"-regex", "d/[A-Z].*\\.TXT"}, file, true},
      {{"-regex", "Report.TXT"}, file, false},  // The whole path.
      {{"-iregex", ".*report.*"}, file, true},
      {{"-regextype", "posix-extended", "-regex", ".*/(Report|x)[.].+"}, file, true},
      {{"-newer", "f"}, file, true},
      {{"-newer", "f"}, old, false},
      {{"-newercm", "f"}, file, true},
      {{"-newermt", "2027-01-15 10:00:00"}, file, false},  // kNow is 10:00:00 there.
      {{"-newermt", "2027-01-15 09:59:59.5"}, file, true},
      {{"-newermt", "2027-01-15T08:00Z"}, file, false},
      {{"-newermt", "2 days ago"}, file, true},
      {{"-newermt", "2 days ago"}, old, false},
      {{"-newermt", "-4 days"}, old, true},
      {{"-newermt", "yesterday"}, file, true},
      {{"-newermt", "@1799999999.5"}, file, true},
      {{"-newermt", "20270115"}, file, true},
      {{"-newermt", "2027-01-15 +0000"}, file, true},
      {{"-lname", "*gt"}, Entry{.shown = "l", .type = 0120000, .target = "tgt"}, true},
      {{"-lname", "*"}, file, false},
      {{"-nouser"}, file, false},
      {{"-nogroup"}, file, true},
  };
  for (const auto& c : cases) {
    std::string text;
    for (const std::string& arg : c.args) text += arg + " ";
    EXPECT_EQ(Matches(c.args, c.entry), c.matches) << text << "on " << c.entry.shown;
  }
}

TEST(FindExpression, DoesWhatItsActionsSay) {
  const Entry file{.shown = "d/a b", .size = 1025, .mtime_ns = 981'173'106'789'000'000};
  const Entry link{.shown = "d/l", .type = 0120000, .mode = 0777, .target = "x\n"};
  const struct {
    std::vector<std::string> args;
    Entry entry;
    std::string output;
  } cases[] = {
      {{}, file, "d/a b\n"},
      {{"-false", "-o", "-print0"}, file, std::string("d/a b\0", 6)},
      {{"-name", "x", "-o", "-name", "a*", "-print"}, file, "d/a b\n"},
      {{"-name", "a*", "-o", "-name", "x", "-print"}, file, ""},
      {{"-print", "-print"}, file, "d/a b\nd/a b\n"},
      {{"!", "(", "-print", ")", "-print"}, file, "d/a b\n"},
      {{"-type", "d", "-print", ",", "-type", "f", "-printf", "F"}, file, "F"},
      {{"-prune"}, file, "<prune>d/a b\n"},
      {{"-name", "x", "-prune", "-o", "-print"}, file, "d/a b\n"},
      {{"-quit"}, file, "<stop>"},
      {{"-print", "-quit", "-print"}, file, "d/a b\n<stop>"},
      {{"(", "-quit", ")", "-o", "-print"}, file, "<stop>"},
      {{"!", "-quit", "-o", "-print"}, file, "<stop>"},
      {{"-printf", "%p|%f|%h|%H|%P|%d|%s|%m|%M|%y|%U|%u|%G|%g|%i|%n|%k|%b|%l|%%\\n"},
       file,
       "d/a b|a b|d|d|a b|1|1025|644|-rw-r--r--|f|7|ann|42|42|99|1|2|3||%\n"},
      {{"-printf", "[%10f][%-10f][%.1f][%05m][%#m][%+d][%4d][%04d]"},
       file,
       "[       a b][a b       ][a][00644][0644][+1][   1][0001]"},
      {{"-printf", "%T@ %T+ %TX %TY-%Tm-%Td %TZ %Ta %Tj %Ts"},
       file,
       "981173106.7890000000 2001-02-03+06:05:06.7890000000 06:05:06.7890000000 2001-02-03 EET "
       "Sat 034 981173106"},
      {{"-printf", "%T@"}, Entry{.shown = "x", .mtime_ns = INT64_MIN}, "-9223372037.1452241920"},
      {{"-printf", "%t"}, file, "Sat Feb  3 06:05:06.7890000000 2001"},
      {{"-printf", "a\\tb\\101\\0c\\\\\\cd"}, file, std::string("a\tbA\0c\\", 7)},
      {{"-printf", "%l"}, link, "x\n"},
      {{"-ls"},
       file,
       "       99      2 -rw-r--r--   1 ann      42           1025 Feb  3  2001 d/a\\ b\n"},
      {{"-ls"},
       link,
       "       99      0 lrwxrwxrwx   1 ann      42              0 Jan 15 10:00 d/l -> x\\n\n"},
      {{"-printf", "%l"},
       Entry{.shown = "l", .type = 0120000, .target = "\x1b[2J", .on_terminal = true},
       "\\x1b[2J"},
  };
  for (const auto& c : cases) {
    std::string text;
    for (const std::string& arg : c.args) text += arg + " ";
    EXPECT_EQ(Output(c.args, c.entry), c.output) << text;
  }
}

TEST(FindExpression, PrintsPathsAsFindSplitsThem) {
  const struct {
    std::string start, shown, output;
  } cases[] = {
      {"d", "d", "d|.|"},     {"d/", "d/", "d/|d|"},       {"d//", "d//", "d/|d/|"},
      {"d/e", "d/e", "e|d|"}, {"d/e/", "d/e/", "e/|d|"},   {"./d/", "./d/", "d/|.|"},
      {"/", "/", "/||"},      {"/tmp", "/tmp", "tmp||"},   {"./", "./", "./|.|"},
      {".", ".", ".|.|"},     {"d", "d/e/f", "f|d/e|e/f"}, {"d/", "d/e", "e|d|e"},
      {".", "./d", "d|.|d"},  {"/", "/tmp", "tmp||tmp"},
  };
  const Result<FindRequest> request = ParseFind({"-printf", "%f|%h|%P"});
  ASSERT_TRUE(request.ok());
  for (const auto& c : cases) {
    const Node node;
    FindContext context;
    Deeds deeds;
    (void)request->expression->Evaluate({&node, c.start, c.shown, 0, &context}, deeds);
    EXPECT_EQ(deeds.text_, c.output) << c.shown;
  }
}

TEST(FindExpression, ReadsPathsAndSettings) {
  const auto request = ParseFind({"a", "-", "--json", "-maxdepth", "2", "-mindepth", "1", "-print",
                                  "--url", "http://h", "-limit", "7"});
  ASSERT_TRUE(request.ok()) << request.status().ToString();
  EXPECT_EQ(request->paths, (std::vector<std::string>{"a", "-"}));
  EXPECT_EQ(request->depth_max, 2u);
  EXPECT_EQ(request->depth_min, 1u);
  EXPECT_EQ(request->limit, 7u);
  EXPECT_TRUE(request->json);
  EXPECT_EQ(request->url, "http://h");
  EXPECT_EQ(ParseFind({})->paths, std::vector<std::string>{"."});
}

TEST(FindExpression, AsksOnlyForWhatItLooksAt) {
  EXPECT_FALSE(ParseFind({".", "-name", "x", "-maxdepth", "1", "-print0"})->needs_attributes);
  EXPECT_TRUE(ParseFind({"-name", "x", "-o", "-type", "d"})->needs_attributes);
  EXPECT_FALSE(ParseFind({"-type", "d"})->needs_totals);
  EXPECT_TRUE(ParseFind({"!", "-empty"})->needs_totals);
  EXPECT_TRUE(ParseFind({"--wait"})->wait);
}

TEST(FindExpression, NarrowsOnlyByWhatMustHold) {
  const auto narrow = [](std::vector<std::string> args) {
    const auto request = ParseFind(args);
    EXPECT_TRUE(request.ok()) << request.status().ToString();
    return request.ok() ? request->narrowing : Narrowing();
  };
  EXPECT_EQ(narrow({"-name", "*.c"}).pattern, "*.c");
  EXPECT_EQ(narrow({"-name", "plain"}).pattern, "plain");
  EXPECT_EQ(narrow({"-name", std::string(4096, '*')}).pattern.size(), 4096u);
  EXPECT_EQ(narrow({"-name", std::string(4097, '*')}).pattern, "");
  EXPECT_EQ(narrow({"-iname", "*report*x"}).pattern, "report");
  EXPECT_EQ(narrow({"-iname", "a\\*b*"}).pattern, "");
  EXPECT_EQ(narrow({"-name", "a\\b"}).pattern, "ab");
  EXPECT_EQ(narrow({"!", "-name", "*.c"}).pattern, "");
  EXPECT_EQ(narrow({"(", "-name", "*.c", ")"}).pattern, "*.c");
  EXPECT_EQ(narrow({"-name", "*.c", "-print"}).pattern, "*.c");
  EXPECT_EQ(narrow({"-print", "-name", "*.c"}).pattern, "");
  EXPECT_EQ(narrow({"-name", "*.c", "-print", "-type", "d", "-ls"}).pattern, "*.c");
  EXPECT_EQ(narrow({"-name", "*.c", "-print", "-type", "d", "-ls"}).type, std::nullopt);
  EXPECT_EQ(narrow({"-name", "x", "-prune", "-o", "-type", "d"}).type, std::nullopt);
  EXPECT_EQ(narrow({"-name", "x", "-prune", "-print"}).pattern, "x");
  EXPECT_EQ(narrow({"-name", "x", "-prune"}).pattern, "");  // Coarse, and right.
  EXPECT_EQ(narrow({"!", "(", "-name", "x", "-print", ")"}).pattern, "x");
  EXPECT_EQ(narrow({"-name", "x", ",", "-type", "d"}).pattern, "");
  EXPECT_EQ(narrow({"-name", "x", ",", "-type", "d"}).type, "directory");
  EXPECT_EQ(narrow({"-newermt", "@5"}).mtime_min_ns, 5'000'000'000);
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
      {{"--name"}, "-name needs a value"},
      {{"--print=x"}, "-print takes no value"},
      {{"--json=x"}, "--json takes no value"},
      {{"--nmae=x"}, "there is no '--nmae'; did you mean '-name'?"},
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
      {{"-printf", "%p%"}, "-printf: a '%' stands at the end"},
      {{"-printf", "%Q"}, "-printf knows no '%Q'"},
      {{"-printf", "%F"}, "-printf: '%F' is not here: devices and file systems are not known"},
      {{"-printf", "\\q"}, "-printf knows no '\\q'"},
      {{"-printf", "%TQ"}, "-printf: no field of a time is called 'Q'"},
      {{"-regex", "a\\("}, "-regex 'a\\\\(': a '(' is not closed"},
      {{"-regextype", "perl"},
       "-regextype takes findutils-default, emacs, posix-basic (sed) or posix-extended, not "
       "'perl'"},
      {{"-newermt", "soon"},
       "-newermt: 'soon' is no date that is read here: 2026-11-21, '2026-11-21 14:03:05', "
       "2026-11-21T14:03Z, @1700000000, yesterday, '3 days ago'"},
      {{"(", ")"}, "there is nothing between '(' and ')'"},
      {{"-true", ","}, "',' needs an expression on its right"},
      {{"-o", "-true"}, "an expression is missing before '-o'"},
      {{"-perm", "u+q"},
       "-perm takes octal digits or u=rw,g+r: 644, -022 (all of them) or /222 (any), not 'u+q'"},
      {{"--json", "-print0"}, "--json stands in place of -print0, -printf and -ls"},
      {{"-xdev"},
       "-xdev is not here: the agent decides that when it scans: one_file_system, fustor up -x"},
      {{"-L"}, "-L is not here: links are not followed; -type l and -lname look at them"},
      {{"-delete"},
       "-delete is not here: fustor only looks. Pipe to a program instead: fustor find ... -print0 "
       "| xargs -0 PROGRAM"},
      {{"(", "-maxdepth", "1", ")"},
       "-maxdepth holds for the whole search: write it outside of ( ) and !"},
  };
  for (const auto& c : cases) {
    const auto request = ParseFind(c.args);
    ASSERT_FALSE(request.ok()) << c.says;
    EXPECT_EQ(request.status().message(), c.says);
  }
  EXPECT_FALSE(ParseFind(std::vector<std::string>(10'000, "(")).ok());
}

}  // namespace
}  // namespace fustor::client
