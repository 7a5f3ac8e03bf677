// Sorted pages, groups, the top, duplicates.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/prng.h"
#include "svc/fusion/wire/views_testing.h"

namespace fustor::fusion {
namespace {

using testing::ElementsAre;

class Questions : public ViewRoutes {
 protected:
  std::vector<std::string> Items(const json::Value& answer, std::string_view list = "items") {
    std::vector<std::string> paths;
    for (const json::Value& node : answer.Find(list)->items()) {
      paths.emplace_back(*node.GetString("path"));
    }
    return paths;
  }
  void PutLinks(std::uint64_t inode, std::int64_t size, const std::vector<std::string>& paths) {
    for (const std::string& path : paths) {
      tree::Entry entry;
      entry.attrs = {.nlink = static_cast<std::uint32_t>(paths.size()),
                     .inode = inode,
                     .device = 1,
                     .size_bytes = size,
                     .allocated_bytes = 512};
      const auto [directory, name] = SplitPath(path);
      view_->tree_.Put(view_->tree_.EnsureDirectory(directory), name, entry);
    }
  }
};

// --- sort ---

TEST_F(Questions, PagesComeInAnyOrder) {
  options_.page_items_default = 100;
  view_->PutFile("/b", 30);
  view_->PutFile("/d/a", 20);
  view_->PutFile("/d/c", 30);
  view_->PutFile("/e", 10);
  view_->tree_.Publish();
  const auto in_order = [&](const std::string& sort) {
    return Items(GetJson("/v/search?sort=" + sort));
  };
  EXPECT_THAT(in_order("path"), ElementsAre("/b", "/d/a", "/d/c", "/e"));
  EXPECT_THAT(in_order("-path"), ElementsAre("/e", "/d/c", "/d/a", "/b"));
  EXPECT_THAT(in_order("name"), ElementsAre("/d/a", "/b", "/d/c", "/e"));
  EXPECT_THAT(in_order("-name"), ElementsAre("/e", "/d/c", "/b", "/d/a"));
  EXPECT_THAT(in_order("size"), ElementsAre("/e", "/d/a", "/b", "/d/c"));
  EXPECT_THAT(in_order("-size"), ElementsAre("/b", "/d/c", "/d/a", "/e"));
  EXPECT_THAT(in_order("mtime"), ElementsAre("/e", "/d/a", "/b", "/d/c"));
  EXPECT_THAT(in_order("-allocated"), ElementsAre("/b", "/d/a", "/d/c", "/e"));
  EXPECT_THAT(in_order("atime"), ElementsAre("/b", "/d/a", "/d/c", "/e"));

  const json::Value first = GetJson("/v/search?sort=-size&limit=1&only_path=true");
  EXPECT_EQ(first.ToJson(), R"({"items":[{"name":"b","path":"/b","content_type":"file"}],)"
                            R"("next":"1.LXNpemU6MzA6L2I","revision":1})");
  const json::Value second = GetJson("/v/search?sort=-size&limit=1&cursor=1.LXNpemU6MzA6L2I");
  EXPECT_THAT(Items(second), ElementsAre("/d/c"));
  EXPECT_EQ(GetJson("/v/search?sort=size&cursor=1.LXNpemU6MzA6L2I", 422).ToJson(),
            R"({"detail":[{"loc":["query","cursor"],"msg":"cursor is not one that an earlier )"
            R"(answer in this order gave as `next`","type":"value_error"}]})");
  EXPECT_EQ(Get("/v/search?sort=-size&cursor=1.L2E").status, 422) << "a cursor of path order";
  EXPECT_EQ(Get("/v/search?sort=width").status, 422);
}

TEST_F(Questions, SortedPagesNeitherRepeatNorSkip) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    view_->tree_.Clear();
    std::set<std::string> stable;
    for (int i = 0; i < 60; ++i) {
      const std::string path = "/d" + std::to_string(i % 3) + "/s" + std::to_string(i);
      view_->PutFile(path, random.Between(0, 9));
      stable.insert(path);
    }
    const auto change = [&] {
      for (int i = 0; i < 10; ++i) {
        view_->PutFile("/c" + std::to_string(random.Below(30)), random.Between(0, 9));
        view_->tree_.Erase(tree::kRoot, "c" + std::to_string(random.Below(30)));
      }
      view_->tree_.Publish();
    };
    static const char* const kSorts[] = {"size", "-size", "name", "-path", "-mtime"};
    const std::string base = std::string("/v/search?limit=") +
                             std::to_string(1 + random.Below(20)) +
                             "&sort=" + kSorts[random.Below(5)];
    std::string cursor;
    std::vector<std::string> paths;
    for (int page = 0; page < 1000; ++page) {
      change();
      const json::Value answer = GetJson(base + cursor);
      for (const std::string& path : Items(answer)) {
        if (path.starts_with("/d")) paths.push_back(path);
      }
      if (answer.Find("next")->is_null()) break;
      cursor = "&cursor=" + std::string(*answer.GetString("next"));
    }
    EXPECT_EQ(paths.size(), stable.size());
    EXPECT_EQ(std::set<std::string>(paths.begin(), paths.end()), stable);
  }
}

// --- groups ---

TEST_F(Questions, GroupsHaveTheirShape) {
  view_->PutFile("/a.TXT", 3);
  view_->PutFile("/d/b.txt", 5);
  view_->PutFile("/d/c", 9);
  view_->Put("/d/x,y.a,b", EntryKind::kSymlink, 1, "t");
  view_->tree_.Publish();
  EXPECT_EQ(
      Get("/v/groups?by=ext&limit=2").body,
      R"({"by":["ext"],"groups":[)"
      R"({"group":{"ext":""},"file_count":1,"dir_count":0,"total_size":9,"allocated_size":512,)"
      R"("earliest_mtime":1600000000.000000009,"earliest_mtime_ns":1600000000000000009,)"
      R"("latest_mtime":1600000000.000000009,"latest_mtime_ns":1600000000000000009,)"
      R"("query":"ext=."},)"
      R"({"group":{"ext":"txt"},"file_count":2,"dir_count":0,"total_size":8,)"
      R"("allocated_size":1024,)"
      R"("earliest_mtime":1600000000.000000003,"earliest_mtime_ns":1600000000000000003,)"
      R"("latest_mtime":1600000000.000000005,"latest_mtime_ns":1600000000000000005,)"
      R"("query":"ext=.txt"}],)"
      R"("other":{"group_count":1,"file_count":1,"dir_count":0,"total_size":1,)"
      R"("allocated_size":512,)"
      R"("earliest_mtime":1600000000.000000001,"earliest_mtime_ns":1600000000000000001,)"
      R"("latest_mtime":1600000000.000000001,"latest_mtime_ns":1600000000000000001},)"
      R"("total":{"file_count":4,"dir_count":0,"total_size":18,"allocated_size":2048,)"
      R"("earliest_mtime":1600000000.000000001,"earliest_mtime_ns":1600000000000000001,)"
      R"("latest_mtime":1600000000.000000009,"latest_mtime_ns":1600000000000000009},)"
      R"("links_exact":true,"now":1700000000.0,"revision":1})");
  EXPECT_EQ(Get("/v/groups?by=type&pattern=none").body,
            R"({"by":["type"],"groups":[],"other":null,)"
            R"("total":{"file_count":0,"dir_count":0,"total_size":0,"allocated_size":0,)"
            R"("earliest_mtime":null,"earliest_mtime_ns":null,"latest_mtime":null,)"
            R"("latest_mtime_ns":null},"links_exact":true,"now":1700000000.0,"revision":1})");
  const json::Value odd = GetJson("/v/groups?by=ext&type=symlink");
  EXPECT_TRUE(odd.Find("groups")->items()[0].Find("query")->is_null()) << "a comma";
}

TEST_F(Questions, AGroupsQueryFindsItsMembers) {
  options_.page_items_default = options_.page_items_max = 1000;
  Prng random(3);
  for (int i = 0; i < 200; ++i) {
    static const char* const kNames[] = {"a.c", "b.H", "c", ".rc", "d.tar.gz"};
    std::string path;
    for (std::uint64_t n = 1 + random.Below(4); n > 0; --n) {
      path += "/" + std::to_string(random.Below(4));
    }
    view_->PutFile(path + "-" + kNames[random.Below(5)], random.Between(0, 3000));
  }
  view_->tree_.Publish();
  for (const std::string by :
       {"ext", "size", "owner", "group", "depth", "type", "age", "size,ext", "depth,type,age"}) {
    for (const std::string also : {"", "&type=any", "&size_min=700&size_max=1500&max_depth=2"}) {
      SCOPED_TRACE(by + also);
      const json::Value answer = GetJson("/v/groups?by=" + by + also);
      std::uint64_t all = 0;
      for (const json::Value& group : answer.Find("groups")->items()) {
        const std::string query(*group.GetString("query"));
        // What stands first counts.
        const json::Value found = GetJson("/v/search?" + query + also + "&limit=1000");
        const std::uint64_t count = *group.GetUint("file_count") + *group.GetUint("dir_count");
        EXPECT_EQ(Items(found).size(), count) << query;
        all += count;
      }
      EXPECT_EQ(all, *answer.Find("total")->GetUint("file_count") +
                         *answer.Find("total")->GetUint("dir_count"));
    }
  }
}

TEST_F(Questions, GroupsComeInTheOrderAskedFor) {
  view_->PutFile("/a.x", 1);
  view_->PutFile("/b.x", 2);
  view_->PutFile("/c.y", 100);
  view_->PutFile("/d.z", 50);
  view_->tree_.Publish();
  const auto order = [&](const std::string& query) {
    std::string all;
    for (const json::Value& group : GetJson("/v/groups?" + query).Find("groups")->items()) {
      all += group.Find("group")->members()[0].second.ToJson() + " ";
    }
    return all;
  };
  EXPECT_EQ(order("by=ext&limit=9"), R"("y" "z" "x" )");
  EXPECT_EQ(order("by=ext&limit=9&sort=size"), R"("x" "z" "y" )");
  EXPECT_EQ(order("by=ext&limit=9&sort=key"), R"("x" "y" "z" )");
  EXPECT_EQ(order("by=ext&limit=9&sort=-key"), R"("z" "y" "x" )");
  EXPECT_EQ(order("by=ext&limit=9&sort=-count"), R"("x" "y" "z" )");
  EXPECT_EQ(order("by=ext&limit=1&sort=key"), R"("y" )") << "the largest stays";
  EXPECT_EQ(order("by=size&limit=9"), "1 2 32 64 ");
  EXPECT_EQ(order("by=age&limit=9"), R"("2y-5y" )");
  EXPECT_EQ(order("by=age&age_of=ctime&limit=9"), R"("2y-5y" )");
}

// --- top ---

TEST_F(Questions, TheTopOfFilesAndDirectories) {
  view_->PutFile("/a/big/1", 900);
  view_->PutFile("/a/small/1", 10);
  view_->PutFile("/b/1", 300);
  view_->PutFile("/b/2", 300);
  view_->tree_.Publish();
  EXPECT_EQ(Get("/v/top?limit=1&only_path=true").body,
            R"({"of":"files","by":"size","own":false,"items":[{"name":"1","path":"/a/big/1",)"
            R"("content_type":"file","value":900}],"more":true,"links_exact":true,"revision":1})");
  const auto top = [&](const std::string& query) {
    std::string all;
    for (const json::Value& node : GetJson("/v/top?" + query).Find("items")->items()) {
      all += std::string(*node.GetString("path")) + "=" + node.Find("value")->ToJson() + " ";
    }
    return all;
  };
  EXPECT_EQ(top("limit=9"), "/a/big/1=900 /b/1=300 /b/2=300 /a/small/1=10 ");
  EXPECT_EQ(top("limit=9&under=/b&pattern=2"), "/b/2=300 ");
  EXPECT_EQ(top("of=directories&limit=9"), "/a/big=900 /b=600 /a/small=10 ");
  EXPECT_EQ(top("of=directories&by=count&limit=9"), "/a=2 /b=2 /a/big=1 /a/small=1 ");
  EXPECT_EQ(top("of=directories&own=true&limit=9"), "/a/big=900 /b=600 /a/small=10 ");
  EXPECT_EQ(top("of=directories&own=true&by=count&pattern=1&limit=2"), "/a/big=1 /a/small=1 ");
  EXPECT_EQ(top("of=directories&under=/a&limit=9"), "/a/big=900 /a/small=10 ");
  EXPECT_EQ(top("of=directories&max_depth=1&limit=9"), "/a=910 /b=600 ");
  const json::Value one = GetJson("/v/top?of=directories&limit=1").Find("items")->items()[0];
  EXPECT_EQ(*one.Find("totals")->GetUint("total_size"), 900u);
}

// --- duplicates ---

TEST_F(Questions, DuplicatesHaveTheirShape) {
  view_->PutFile("/a/x", 10);
  view_->PutFile("/b/x", 10);
  view_->PutFile("/c/x", 10);
  view_->PutFile("/c/y", 10);
  view_->PutFile("/d/y", 9);
  view_->PutFile("/e/empty", 0);
  view_->PutFile("/f/empty", 0);
  PutLinks(7, 1000, {"/a/link", "/b/link"});
  view_->tree_.Publish();
  EXPECT_EQ(Get("/v/duplicates?only_path=true&files=2").body,
            R"({"groups":[{"size":10,"name":"x","count":3,"reclaimable_size":20,"files":[)"
            R"({"name":"x","path":"/a/x","content_type":"file"},)"
            R"({"name":"x","path":"/b/x","content_type":"file"}],"more_files":1}],)"
            R"("group_count":1,"reclaimable_size":20,"truncated":false,"revision":1})");
  const json::Value by_size = GetJson("/v/duplicates?by=size");
  EXPECT_EQ(*by_size.Find("groups")->items()[0].GetUint("count"), 4u);
  EXPECT_EQ(*GetJson("/v/duplicates?under=/c").GetUint("group_count"), 0u);
  EXPECT_EQ(*GetJson("/v/duplicates?by=size,mtime").GetUint("group_count"), 1u);
  options_.page_items_max = 1;
  const json::Value few = GetJson("/v/duplicates?by=size,name,mtime");
  EXPECT_EQ(few.Find("groups")->items()[0].Find("files")->items().size(), 1u);
  EXPECT_EQ(*few.Find("groups")->items()[0].GetUint("more_files"), 2u);
}

// --- all of them ---

TEST_F(Questions, SayWhatIsWrong) {
  struct Case {
    const char* target;
    const char* name;
    const char* text;
  };
  const Case cases[] = {
      {"/v/groups", "by", "is missing: age, size, ext, owner, group, depth or type"},
      {"/v/groups?by=colour", "by",
       "must be of age, size, ext, owner, group, depth, type, with commas between when there are "
       "several"},
      {"/v/groups?by=ext,ext", "by", "has ext twice"},
      {"/v/groups?by=ext,size,age,type", "by", "has more than 3 items"},
      {"/v/groups?by=ext&sort=ext", "sort",
       "must be key, size, allocated or count, with a minus before it for descending order"},
      {"/v/groups?by=age&age_of=btime", "age_of", "must be mtime, ctime or atime"},
      {"/v/groups?by=ext&limit=0", "limit", "must be a whole number from 1"},
      {"/v/groups?by=ext&mode=x", "mode", nullptr},
      {"/v/top?of=links", "of", "must be files or directories"},
      {"/v/top?own=true", "own", "is for of=directories"},
      {"/v/top?by=count", "by", "count is for of=directories"},
      {"/v/top?by=name", "by", "must be size, allocated, count or mtime"},
      {"/v/top?type=any", "type", "must be file, symlink or other, or left out"},
      {"/v/top?of=directories&type=file", "type",
       "must be directory, or left out; own=true counts files of one type"},
      {"/v/top?regex=(", "regex", nullptr},
      {"/v/duplicates?by=name", "by", "must be size; size,name; size,mtime; or size,name,mtime"},
      {"/v/duplicates?type=directory", "type", "must be file, or left out"},
      {"/v/duplicates?files=101", "files", "must be a whole number from 1 to 100"},
      {"/v/duplicates?uid=x", "uid", nullptr},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.target);
    const json::Value answer = GetJson(c.target, 422);
    const json::Value& fault = answer.Find("detail")->items()[0];
    EXPECT_EQ(*fault.Find("loc")->items()[1].AsString(), c.name);
    if (c.text != nullptr) {
      EXPECT_EQ(*fault.GetString("msg"), std::string(c.name) + " " + c.text);
    }
  }
}

TEST_F(Questions, HonourKeysReadinessFreshnessAndEnvelope) {
  view_->PutFile("/a", 1);
  view_->tree_.Publish();
  for (const std::string target :
       {"/v/groups?by=ext", "/v/top?", "/v/duplicates?", "/v/search?sort=size"}) {
    SCOPED_TRACE(target);
    EXPECT_EQ(Ask("GET", "/api/v1/views" + target, {}).status, 401);
    EXPECT_EQ(Ask("GET", "/api/v1/views" + target, {{"x-api-key", "other"}}).status, 403);
    const json::Value wrapped = GetJson(target + "&envelope=true");
    EXPECT_NE(wrapped.Find("data")->Find("revision"), nullptr);
    EXPECT_EQ(*wrapped.Find("meta")->GetString("freshness"), "live");
    view_->status_.ready = false;
    view_->status_.not_ready_reason = "No active leader session.";
    EXPECT_EQ(Get(target).status, 503);
    view_->status_.stale_ok = true;
    EXPECT_TRUE(Get(target).headers.Find("X-Fustor-Freshness").has_value());
    view_->status_.ready = true;
    view_->status_.stale_ok = false;
    std::vector<tree::Snapshot> held;
    for (auto pinned = view_->tree_.Pin(); pinned.ok(); pinned = view_->tree_.Pin()) {
      held.push_back(*std::move(pinned));
    }
    EXPECT_EQ(Get(target).status, 503);
  }
}

TEST_F(Questions, AForestAnswersMemberByMember) {
  views_.views_.push_back(std::make_shared<FakeView>("v:1"));
  views_.views_[1]->PutFile("/a.txt", 5);
  views_.views_[1]->tree_.Publish();
  views_.forests_["f"] = {"v:1"};
  views_.keys_["k"].views = {"f", "v:1"};
  for (const std::string target : {"/f/groups?by=ext", "/f/top?limit=1", "/f/duplicates"}) {
    const json::Value answer = GetJson(target);
    const json::Value* member = answer.Find("members")->Find("v:1");
    ASSERT_NE(member, nullptr) << target;
    EXPECT_NE(member->Find("data")->Find("revision"), nullptr) << target;
  }
}

TEST_F(Questions, ALongWalkLeavesRoomForOthers) {
  for (int i = 0; i < 20'000; ++i) view_->PutFile("/d/" + std::to_string(i), i);
  view_->tree_.Publish();
  options_.slice = Nanos(1);  // As little at a time as there can be.
  EXPECT_EQ(*GetJson("/v/groups?by=size").Find("total")->GetUint("file_count"), 20'000u);
  EXPECT_THAT(Items(GetJson("/v/search?sort=-size&limit=1")), ElementsAre("/d/19999"));
  EXPECT_EQ(*GetJson("/v/duplicates").GetUint("group_count"), 0u);
}

}  // namespace
}  // namespace fustor::fusion
