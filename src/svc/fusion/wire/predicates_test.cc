#include "svc/fusion/wire/predicates.h"

#include <gtest/gtest.h>

#include "svc/fusion/wire/views_testing.h"

namespace fustor::fusion {
namespace {

class Predicates : public ViewRoutes {
 protected:
  struct File {
    const char* path;
    std::int64_t second = 0;  // mtime; ctime is one more, atime two.
    std::uint32_t uid = 0, gid = 0, mode = 0644, nlink = 1;
    std::uint8_t flags = tree::kKnownByAgent;
    EntryKind kind = EntryKind::kFile;
  };
  Predicates() {
    const File files[] = {
        {.path = "/a.jpg", .second = 10, .uid = 7, .gid = 1, .mode = 0600},
        {.path = "/b.JPG", .second = 20, .uid = 8, .gid = 2, .mode = 04755, .nlink = 2},
        {.path = "/d", .second = 5, .kind = EntryKind::kDirectory},
        {.path = "/d/c.tar.gz", .second = 30, .uid = 9, .gid = 1, .mode = 0666},
        {.path = "/d/e/.profile", .second = 40, .flags = tree::kNoFlags},
        {.path = "/d/e/README", .second = 50, .flags = tree::kKnownByAgent | tree::kSuspect},
        {.path = "/z", .second = 60, .flags = tree::kKnownByAgent | tree::kUncertain},
    };
    for (const File& f : files) {
      tree::Entry entry;
      entry.attrs = {.kind = f.kind,
                     .mode = f.mode,
                     .uid = f.uid,
                     .gid = f.gid,
                     .nlink = f.nlink,
                     .mtime_ns = f.second * 1'000'000'000,
                     .ctime_ns = (f.second + 1) * 1'000'000'000,
                     .atime_ns = (f.second + 2) * 1'000'000'000};
      entry.flags = f.flags;
      const auto [directory, name] = SplitPath(f.path);
      view_->tree_.Put(view_->tree_.EnsureDirectory(directory), name, entry);
    }
    view_->tree_.Publish();
  }

  std::string Paths(const std::string& query) {
    std::string all;
    const json::Value answer = GetJson("/v/search?" + query);
    const json::Value* items = answer.Find("items");
    EXPECT_NE(items, nullptr) << query << " must be answered by a page";
    if (items == nullptr) return all;
    for (const json::Value& node : items->items()) {
      all += (all.empty() ? "" : " ") + std::string(*node.GetString("path"));
    }
    return all;
  }
};

TEST_F(Predicates, ChooseEntries) {
  options_.page_items_default = 100;
  view_->status_.uncertain = {{"/d/e", WallTime{1}, {}}};
  view_->status_.audit_only = {"/d", "/b.JPG"};
  struct Case {
    const char* query;
    const char* paths;
  };
  const Case cases[] = {
      {"regex=^[ab]", "/a.jpg /b.JPG"},
      {"regex=jpg$", "/a.jpg"},
      {"iregex=jpg$", "/a.jpg /b.JPG"},
      {"regex=/e/", "/d/e/.profile /d/e/README"},
      {"regex=^/z$", "/z"},
      {"regex=&ext=jpg", "/a.jpg /b.JPG"},
      {"ctime_min=31&ctime_max=41", "/d/c.tar.gz /d/e/.profile"},
      {"ctime_max_ns=11000000000", "/a.jpg"},
      {"atime_min=61.5", "/z"},
      {"atime_max_ns=12000000000", "/a.jpg"},
      {"uid=7,9", "/a.jpg /d/c.tar.gz"},
      {"uid=7,9&gid=2", ""},
      {"gid=2", "/b.JPG"},
      {"mode=600", "/a.jpg"},
      {"mode=-4000", "/b.JPG"},
      {"mode=/022", "/d/c.tar.gz"},
      {"mode=-o=w", "/d/c.tar.gz"},
      {"ext=jpg", "/a.jpg /b.JPG"},
      {"ext=.JPG,gz", "/a.jpg /b.JPG /d/c.tar.gz"},
      {"ext=tar.gz", "/d/c.tar.gz"},
      {"ext=tar", ""},
      {"ext=profile", ""},
      {"ext=.", "/d/e/.profile /d/e/README /z"},
      {"flags=suspect", "/d/e/README"},
      {"flags=uncertain", "/d/e/.profile /d/e/README /z"},
      {"flags=agent_missing", "/d/e/.profile"},
      {"flags=audit_only", "/b.JPG /d/c.tar.gz /d/e/.profile /d/e/README"},
      {"flags=audit_only&not_flags=suspect,agent_missing", "/b.JPG /d/c.tar.gz"},
      {"flags=suspect,agent_missing", "/d/e/.profile /d/e/README"},
      {"not_flags=uncertain,audit_only", "/a.jpg"},
      {"flags=audit_skipped", ""},
      {"flags=implied&type=directory", "/d/e"},
      {"links_min=2", "/b.JPG"},
      {"min_depth=2", "/d/c.tar.gz /d/e/.profile /d/e/README"},
      {"min_depth=2&max_depth=2", "/d/c.tar.gz"},
      {"min_depth=1&under=/d&type=any", "/d/c.tar.gz /d/e /d/e/.profile /d/e/README"},
      {"max_depth=0&under=/d&type=any", "/d"},
      {"ext=&limit=1", "/a.jpg"},
      {"uid=&flags=&mode=&links_min=0&limit=1", "/a.jpg"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(Paths(c.query), c.paths) << c.query;
  }
}

TEST_F(Predicates, ComeBesideAPattern) {
  EXPECT_EQ(Paths("pattern=a&uid=7"), "/a.jpg");
  EXPECT_EQ(Paths("pattern=*.jpg&uid=8"), "");
  EXPECT_TRUE(GetJson("/v/search?pattern=a").Find("items") == nullptr) << "a plain list";
}

TEST_F(Predicates, SayWhatIsRight) {
  struct Case {
    std::string query;
    const char* name;
    const char* text;
  };
  std::string many = "1";
  for (int i = 0; i < 100; ++i) many += ",1";
  const Case cases[] = {
      {"regex=a(", "regex", "is no POSIX extended regular expression: a '(' is not closed"},
      {"iregex=(a%2B){1000}{1000}", "iregex",
       "is no POSIX extended regular expression: it is too large"},
      {"regex=" + std::string(1001, 'a'), "regex", "is longer than 1000 bytes"},
      {"regex=a&iregex=a", "iregex", "cannot be given beside regex"},
      {"regex=(a)%5C1", "regex",
       "is no POSIX extended regular expression: back references (\\1) are not read here"},
      {"pattern=" + std::string(4097, 'a'), "pattern", "is longer than 4096 bytes"},
      {"ctime_min=x", "ctime_min", "must be seconds since 1970, like 1700000000 or 1700000000.25"},
      {"atime_max_ns=1.5", "atime_max_ns", "must be a whole number from -9223372036854775808"},
      {"uid=ann", "uid", "must be numbers with commas between, like 1000 or 0,1000"},
      {"gid=1,", "gid", "must be numbers with commas between, like 1000 or 0,1000"},
      {"gid=4294967296", "gid", "must be numbers with commas between, like 1000 or 0,1000"},
      {"uid=" + many, "uid", "has more than 100 items"},
      {"mode=rwx", "mode",
       "must be as find -perm has it: 644 (exactly), -022 (all of these bits) or /222 (any of "
       "them), octal or like u=rw,g+r"},
      {"ext=a,,b", "ext",
       "must be extensions with commas between, like jpg,tar.gz; a dot: names without"},
      {"ext=a/b", "ext", "has an extension that no name can have"},
      {"ext=" + std::string(256, 'a'), "ext", "has an extension that no name can have"},
      {"flags=dirty", "flags",
       "must be of suspect, uncertain, audit_only, agent_missing, audit_skipped, implied, with "
       "commas between"},
      {"not_flags=suspect,-", "not_flags",
       "must be of suspect, uncertain, audit_only, agent_missing, audit_skipped, implied, with "
       "commas between"},
      {"links_min=-1", "links_min", "must be a whole number from 0"},
      {"min_depth=a", "min_depth", "must be a whole number from 0"},
      {"under=/a/../b", "under", "holds '..'"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.query.substr(0, 100));
    const json::Value answer = GetJson("/v/search?" + c.query, 422);
    const json::Value* detail = answer.Find("detail");
    ASSERT_TRUE(detail != nullptr && detail->items().size() == 1);
    const json::Value& fault = detail->items()[0];
    EXPECT_EQ(*fault.Find("loc")->items()[1].AsString(), c.name);
    const std::string text(*fault.GetString("msg"));
    if (c.query.starts_with("under")) {
      EXPECT_TRUE(text.starts_with("under ")) << text;
    } else {
      EXPECT_EQ(text, std::string(c.name) + " " + c.text);
    }
  }
}

}  // namespace
}  // namespace fustor::fusion
