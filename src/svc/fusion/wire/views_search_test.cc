// Pages and searches.
#include <gtest/gtest.h>

#include <set>

#include "base/prng.h"
#include "svc/fusion/wire/views_testing.h"

namespace fustor::fusion {
namespace {

// --- Pages ---

// All pages of a query under concurrent change: what is there throughout comes exactly once, in
// order.
void CheckPages(const std::vector<std::string>& paths, const std::set<std::string>& stable) {
  const std::set<std::string> seen(paths.begin(), paths.end());
  EXPECT_EQ(seen.size(), paths.size()) << "something came twice";
  for (const std::string& path : stable) EXPECT_TRUE(seen.contains(path)) << path;
}

TEST_F(ViewRoutes, PagesNeitherRepeatNorSkip) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    view_->tree_.Clear();
    std::set<std::string> stable;
    for (int i = 0; i < 60; ++i) {
      const std::string path =
          "/d/s" + std::to_string(random.Below(500)) + (random.Chance(1, 5) ? "\xff" : "");
      view_->PutFile(path);
      stable.insert(path);
    }
    const auto change = [&] {
      for (int i = 0; i < 10; ++i) {
        const std::string name = "c" + std::to_string(random.Below(30));
        if (random.Chance(1, 2)) {
          view_->PutFile("/d/" + name);
        } else if (const auto dir = view_->tree_.FindDirectory("/d")) {
          view_->tree_.Erase(*dir, name);
        }
        view_->PutFile("/d/t" + std::to_string(random.Below(30)));
      }
      view_->tree_.Publish();
    };
    for (const std::string base :
         {"/v/tree?path=/d&limit=", "/v/search?under=/d&pattern=*&limit="}) {
      change();
      std::vector<std::string> paths;
      std::string cursor;
      for (int page = 0; page < 1000; ++page) {
        const json::Value answer = GetJson(base + std::to_string(1 + random.Below(20)) + cursor);
        const json::Value* items = answer.Find("items");
        if (items == nullptr) items = answer.Find("children");
        for (const json::Value& node : items->items()) {
          paths.push_back(std::string(*node.GetString("path")));
        }
        const json::Value* next = answer.Find("next");
        ASSERT_NE(next, nullptr);
        EXPECT_TRUE(answer.GetUint("revision").ok());
        if (next->is_null()) break;
        cursor = "&cursor=" + std::string(*next->AsString());
        change();
      }
      EXPECT_TRUE(std::is_sorted(paths.begin(), paths.end()));
      CheckPages(paths, stable);
    }
  }
}

TEST_F(ViewRoutes, PagesHaveTheirShape) {
  for (const char* name : {"/a", "/b", "/c", "/d"}) view_->PutFile(name);
  view_->tree_.Publish();
  const json::Value first = GetJson("/v/tree?limit=3&only_path=true");
  EXPECT_EQ(first.ToJson(),
            R"({"name":"","path":"/","content_type":"directory","job_id":null,"job_pending":false,)"
            R"("children":[{"name":"a","path":"/a","content_type":"file"},)"
            R"({"name":"b","path":"/b","content_type":"file"},)"
            R"({"name":"c","path":"/c","content_type":"file"}],"next":"1.Yw","revision":1})");
  EXPECT_EQ(GetJson("/v/tree?cursor=1.Yw&only_path=true").ToJson(),
            R"({"name":"","path":"/","content_type":"directory","job_id":null,"job_pending":false,)"
            R"("children":[{"name":"d","path":"/d","content_type":"file"}],"next":null,)"
            R"("revision":1})");
  EXPECT_EQ(GetJson("/v/search?pattern=*&limit=1&only_path=true").ToJson(),
            R"({"items":[{"name":"a","path":"/a","content_type":"file"}],"next":"1.L2E",)"
            R"("revision":1})");
  EXPECT_TRUE(GetJson("/v/search?limit=4&envelope=true").Find("data")->Find("next")->is_null());
  EXPECT_TRUE(GetJson("/v/search?limit=4").Find("next")->is_null());
  EXPECT_EQ(GetJson("/v/tree?path=/a&limit=3&only_path=true").Find("children"), nullptr);
  // A page that looked at too much ends early and can be continued.
  options_.page_rows_max = 1;
  for (int i = 0; i < 5000; ++i) view_->PutFile("/e/" + std::to_string(i));
  view_->PutFile("/zz");
  view_->tree_.Publish();
  std::string cursor;
  int pages = 0;
  std::string found;
  for (; pages < 100; ++pages) {
    const json::Value answer = GetJson("/v/search?pattern=zz&limit=5" + cursor);
    for (const json::Value& node : answer.Find("items")->items()) {
      found += *node.GetString("path");
    }
    if (answer.Find("next")->is_null()) break;
    cursor = "&cursor=" + std::string(*answer.GetString("next"));
  }
  EXPECT_EQ(found, "/zz");
  EXPECT_GT(pages, 0);
}

TEST_F(ViewRoutes, SearchesByPatternAndPredicates) {
  view_->PutFile("/src/Main.CC", 10);
  view_->PutFile("/src/deep/main.cc", 20);
  view_->PutFile("/doc/readme", 30);
  view_->Put("/src/link", EntryKind::kSymlink, 4, "deep");
  view_->tree_.Publish();
  const auto paths = [&](const std::string& query) {
    std::string all;
    const json::Value answer = GetJson("/v/search?" + query);
    const json::Value* items = answer.Find("items");
    for (const json::Value& node : (items == nullptr ? answer : *items).items()) {
      all += std::string(*node.GetString("path")) + " ";
    }
    return all;
  };
  EXPECT_EQ(paths("pattern=main"), "/src/Main.CC /src/deep/main.cc ");
  EXPECT_EQ(paths("pattern=*.cc"), "/src/deep/main.cc ");
  EXPECT_EQ(paths("pattern=/src/*cc"), "/src/deep/main.cc ");
  EXPECT_EQ(paths("pattern=deep"), "");  // Directories are no files.
  EXPECT_EQ(paths("pattern=deep&type=any&limit=100"), "/src/deep ");
  EXPECT_EQ(paths("pattern=deep&type=directory&limit=100"), "/src/deep ");
  EXPECT_EQ(paths("pattern=*&type=symlink&limit=100"), "/src/link ");
  EXPECT_EQ(paths("pattern=*"), "/doc/readme /src/Main.CC /src/deep/main.cc /src/link ");
  EXPECT_EQ(paths("type=any&under=/src&limit=100"),
            "/src /src/Main.CC /src/deep /src/deep/main.cc /src/link ");
  EXPECT_EQ(paths("under=/src&max_depth=1&limit=100"), "/src/Main.CC /src/link ");
  EXPECT_EQ(paths("size_min=10&size_max=20&limit=100"), "/src/Main.CC /src/deep/main.cc ");
  EXPECT_EQ(paths("mtime_min=1600000000.00000002&limit=100"), "/doc/readme /src/deep/main.cc ");
  EXPECT_EQ(paths("mtime_max_ns=1600000000000000010&type=file&limit=100"), "/src/Main.CC ");
  EXPECT_EQ(paths("pattern=nothing"), "");
  EXPECT_EQ(Get("/v/search?pattern=nothing").body, "[]");
}

}  // namespace
}  // namespace fustor::fusion
