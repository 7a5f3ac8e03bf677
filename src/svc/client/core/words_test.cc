#include "svc/client/core/words.h"

#include <gtest/gtest.h>

#include <limits>

#include "svc/client/core/places.h"

namespace fustor::client {
namespace {

TEST(Words, SizesAreRoundedUpAsDuDoes) {
  const struct {
    std::uint64_t bytes;
    std::string text;
  } cases[] = {{0, "0"},
               {1023, "1023"},
               {1024, "1.0K"},
               {1025, "1.1K"},
               {1536, "1.5K"},
               {10 * 1024 - 1, "10K"},
               {10 * 1024 + 1, "11K"},
               {1024 * 1024 - 1, "1.0M"},
               {1024 * 1024, "1.0M"},
               {std::uint64_t{5} << 30, "5.0G"},
               {std::numeric_limits<std::uint64_t>::max(), "16E"}};
  for (const auto& c : cases) EXPECT_EQ(HumanSize(c.bytes), c.text) << c.bytes;
  EXPECT_EQ(Grouped(0), "0");
  EXPECT_EQ(Grouped(999), "999");
  EXPECT_EQ(Grouped(1234567), "1,234,567");
}

TEST(Words, NamesAreQuotedAsAShellReadsThem) {
  EXPECT_EQ(QuotedName("plain-name.txt"), "plain-name.txt");
  EXPECT_EQ(QuotedName("größe"), "größe");
  EXPECT_EQ(QuotedName("a b"), "'a b'");
  EXPECT_EQ(QuotedName("it's"), "'it'\\''s'");
  EXPECT_EQ(QuotedName("a\nb"), "'a'$'\\n''b'");
  EXPECT_EQ(QuotedName("\xff\x01"), "$'\\377'$'\\001'");
  EXPECT_EQ(QuotedName("é\xff"), "'é'$'\\377'");
  EXPECT_EQ(QuotedName(""), "''");
  EXPECT_EQ(QuotedName("\x1b[31m"), "$'\\033''[31m'");
  EXPECT_EQ(QuotedName("a\u009B2J"), "'a'$'\\302'$'\\233''2J'");
  EXPECT_EQ(QuotedName("\u202Egnp.exe"), "$'\\342'$'\\200'$'\\256''gnp.exe'");
  EXPECT_EQ(QuotedName("日本語"), "日本語");
}

TEST(Words, SentencesFromElsewhereMoveNoCursor) {
  EXPECT_EQ(HarmlessText("View 'é\\': no."), "View 'é\\': no.");
  EXPECT_EQ(HarmlessText("a\nb\x1b[2J\xff\u009b"), "a\\x0ab\\x1b[2J\\xff\\xc2\\x9b");
}

TEST(Words, ModesTimesAndAges) {
  EXPECT_EQ(ModeText(0100644), "-rw-r--r--");
  EXPECT_EQ(ModeText(0041777), "drwxrwxrwt");
  EXPECT_EQ(ModeText(0104655), "-rwSr-xr-x");
  EXPECT_EQ(ModeText(0120777), "lrwxrwxrwx");
  const Civil t{.year = 2026,
                .month = 1,
                .day = 2,
                .hour = 3,
                .minute = 4,
                .second = 5,
                .offset_minutes = -90};
  EXPECT_EQ(ShortTime(t), "2026-01-02 03:04");
  EXPECT_EQ(FullTime(t, 42), "2026-01-02 03:04:05.000000042 -0130");
  EXPECT_EQ(FullTime(t, 123'456'789, 6), "2026-01-02 03:04:05.123456 -0130");
  EXPECT_EQ(AgeText(Seconds(1)), "1 second ago");
  EXPECT_EQ(AgeText(Seconds(7200)), "2 hours ago");
  EXPECT_EQ(AgeText(Seconds(-300)), "in 5 minutes");
}

TEST(Words, TablesAlign) {
  Table table({{"NAME"}, {"SIZE", true}, {"WHAT"}});
  table.Add({"é", "1", "x"});
  table.Add({"long", "1000", ""});
  EXPECT_EQ(table.Text(),
            "NAME  SIZE  WHAT\n"
            "é        1  x\n"
            "long  1000\n");
}

TEST(Words, NamesFillColumns) {
  const auto columns = [](const std::vector<std::string>& names, std::size_t width) {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (const std::string& name : names) pairs.emplace_back(name, "<" + name + ">");
    return Columns(pairs, width);
  };
  EXPECT_EQ(columns({}, 80), "");
  EXPECT_EQ(columns({"a", "é", "ccc"}, 80), "<a>  <é>  <ccc>\n");
  EXPECT_EQ(columns({"a", "bb", "ccc"}, 7), "<a>   <ccc>\n<bb>\n");
  EXPECT_EQ(columns({"a", "bb", "ccc"}, 3), "<a>\n<bb>\n<ccc>\n");
  EXPECT_EQ(columns({std::string(100, 'x'), "y"}, 10), "<" + std::string(100, 'x') + ">\n<y>\n");
}

TEST(Places, TheLongestRootWins) {
  const std::vector<Root> roots = {{"all", "/"}, {"data", "/data"}, {"deep", "/data/x"}};
  EXPECT_EQ(FindPlace(roots, "/data/x/y")->view, "deep");
  EXPECT_EQ(FindPlace(roots, "/data/x/y")->path, "/y");
  EXPECT_EQ(FindPlace(roots, "/data/x")->path, "/");
  EXPECT_EQ(FindPlace(roots, "/data/xy")->view, "data");
  EXPECT_EQ(FindPlace(roots, "/data/xy")->path, "/xy");
  EXPECT_EQ(FindPlace(roots, "/database")->path, "/database");
  EXPECT_FALSE(FindPlace({{"data", "/data"}}, "/database").has_value());
  EXPECT_EQ(FindPlace(roots, "/")->RealPath("/a"), "/a");
  EXPECT_EQ(FindPlace(roots, "/data/q")->RealPath("/a"), "/data/a");
  EXPECT_EQ(FindPlace(roots, "/data/q")->RealPath("/"), "/data");
}

TEST(Places, PathsComeInManySpellings) {
  EXPECT_EQ(DirectoryOfSource("file:///data/"), "/data");
  EXPECT_EQ(DirectoryOfSource("/data//x/"), "/data/x");
  EXPECT_EQ(DirectoryOfSource("s3://bucket"), std::nullopt);
  EXPECT_EQ(AbsolutePath("a/./b//../c", "/w"), "/w/a/c");
  EXPECT_EQ(AbsolutePath("../../..", "/w"), "/");
  EXPECT_EQ(AbsolutePath("/x/", "/w"), "/x");
  EXPECT_EQ(AbsolutePath(".", "/w/v"), "/w/v");
  EXPECT_EQ(PathAsTyped(".", "/a"), "./a");
  EXPECT_EQ(PathAsTyped("/", "/a"), "/a");
  EXPECT_EQ(PathAsTyped("d/", "/a"), "d/a");
  EXPECT_EQ(PathAsTyped("d", ""), "d");
}

}  // namespace
}  // namespace fustor::client
