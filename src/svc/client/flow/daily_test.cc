// `top`, `views`, `sessions`, and what find does beside printing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "svc/client/flow/commands_testing.h"

namespace fustor::client {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

// --- top ---

// A node as /top answers it.
std::string TopNode(const std::string& path, bool directory, int size, int files,
                    const std::string& value) {
  std::string node = R"({"name":"x","path":")" + path + R"(","content_type":")" +
                     (directory ? "directory" : "file") + R"(","size":)" + std::to_string(size) +
                     R"(,"modified_time_ns":1600000000123456789,"mode":33188)";
  if (directory) {
    node += R"(,"totals":{"file_count":)" + std::to_string(files) +
            R"(,"dir_count":1,"total_size":)" + std::to_string(size) +
            R"(,"allocated_size":0,"latest_mtime_ns":1600000000123456789})";
  }
  return node + ",\"value\":" + value + "}";
}

TEST_F(Commands, TopShowsWhatFusionRanks) {
  world_.said["/api/v1/views/v/top"] = {
      "{\"items\":[" + TopNode("/d", true, 2675, 25, "2675") + "," +
          TopNode("/d/e", true, 600, 1, "600") + "]}",
      "{\"items\":[" + TopNode("/d/a b", false, 1500, 0, "1500") + "]}"};
  Options options;
  options.top.count = 2;
  options.top.paths = {"/data"};
  EXPECT_EQ(Run("top", options), 0);
  EXPECT_EQ(terminal_.text_,
            "2675\t25\t1600000000\td\t/data/d\n"
            "600\t1\t1600000000\td\t/data/d/e\n"
            "1500\t1\t1600000000\tf\t/data/d/a b\n");
  EXPECT_THAT(world_.asked, Contains("/api/v1/views/v/top?under=/&of=directories&by=size&limit=2"));
  EXPECT_THAT(world_.asked, Contains("/api/v1/views/v/top?under=/&of=files&by=size&limit=2"));
}

TEST_F(Commands, TopShowsATableToPeople) {
  terminal_.interactive_ = true;
  world_.said["/api/v1/views/v/top"] = {"{\"items\":[" + TopNode("/d/a b", false, 1500, 0, "1500") +
                                        "]}"};
  Options options;
  options.top.files = true;
  options.top.count = 1;
  options.top.paths = {"."};
  EXPECT_EQ(Run("top", options), 0);
  EXPECT_EQ(terminal_.text_,
            "SIZE  FILES  CHANGED           PATH\n"
            "1.5K         2020-09-13 12:26  './a b'\n");
}

TEST_F(Commands, TopOfWhatDirectoriesHoldThemselves) {
  world_.said["/api/v1/views/v/top"] = {"{\"items\":[" + TopNode("/d", true, 2675, 25, "3") + "]}"};
  Options options;
  options.top.own = true;
  options.top.by = "files";
  options.top.paths = {"/data"};
  options.top.choice.extensions = "tmp";
  EXPECT_EQ(Run("top", options), 0);
  EXPECT_EQ(terminal_.text_, "2675\t3\t1600000000\td\t/data/d\n");
  EXPECT_THAT(world_.asked, Contains("/api/v1/views/v/top?ext=tmp&under=/&of=directories&by=count"
                                     "&own=true&limit=10"));
  options.top.choice.newer = "soon";
  EXPECT_EQ(Run("top", options), 2);
  EXPECT_THAT(terminal_.errors_, HasSubstr("fustor: top: --newer takes an age"));
}

// --- groups, duplicates, search ---

constexpr const char* kGroups =
    R"({"by":["ext","owner"],"groups":[)"
    R"({"group":{"ext":"txt","owner":7},"file_count":20,"dir_count":0,"total_size":3000,)"
    R"("allocated_size":4096,"query":"ext=.txt&uid=7"},)"
    R"({"group":{"ext":"","owner":9},"file_count":1,"dir_count":1,"total_size":1000,)"
    R"("allocated_size":512,"query":"ext=.&uid=9"}],)"
    R"("other":{"group_count":3,"file_count":5,"dir_count":0,"total_size":0,"allocated_size":0},)"
    R"("total":{"file_count":26,"dir_count":1,"total_size":4000,"allocated_size":4608}})";

TEST_F(Commands, GroupsAreATableWithBarsOrLines) {
  world_.said["/api/v1/views/v/groups"] = {kGroups};
  Options options;
  options.groups.by = "ext,owner";
  options.groups.paths = {"/data/d"};
  options.groups.choice.min_size = "1k";
  EXPECT_EQ(Run("groups", options), 0);
  EXPECT_EQ(terminal_.text_,
            "20\t0\t3000\t4096\ttxt\t7\n"
            "1\t1\t1000\t512\t\t9\n"
            "5\t0\t0\t0\tother\n");
  EXPECT_THAT(world_.asked, Contains("/api/v1/views/v/groups?size_min=1024&under=/d&by=ext,owner"
                                     "&age_of=mtime"));
  terminal_.interactive_ = true;
  EXPECT_EQ(Run("groups", options), 0);
  EXPECT_EQ(terminal_.text_,
            "EXT     OWNER  FILES  SIZE  SHARE\n"
            "txt     ann       20  3.0K    75%  ####################\n"
            "(none)  0          2  1000    25%  #######\n"
            "other              5     0     0%\n"
            "all               27  4.0K   100%\n");
  EXPECT_THAT(world_.asked, Contains(HasSubstr("&limit=25")));
  options.common.json = true;
  EXPECT_EQ(Run("groups", options), 0);
  EXPECT_THAT(terminal_.text_, HasSubstr(R"({"group":{"ext":"txt","owner":7},"file_count":20,)"));
  EXPECT_THAT(terminal_.text_, HasSubstr(R"({"group":null,"group_count":3,)"));
}

TEST_F(Commands, DuplicatesComeInGroups) {
  world_.said["/api/v1/views/v/duplicates"] = {
      R"({"groups":[{"size":2048,"name":"x","count":3,"reclaimable_size":4096,"files":[)" +
      TopNode("/d/x", false, 2048, 0, "0") + "," + TopNode("/d/e/\\u001bx", false, 2048, 0, "0") +
      R"(],"more_files":1}],"group_count":7,"reclaimable_size":9000,"truncated":true})"};
  Options options;
  options.duplicates.paths = {"/data"};
  options.duplicates.count = 1;
  EXPECT_EQ(Run("duplicates", options), 0);
  EXPECT_EQ(terminal_.text_, "/data/d/x\n/data/d/e/\x1bx\n\n");
  EXPECT_EQ(terminal_.errors_,
            "fustor: there are 7 groups with 8.8K to gain; -n shows more of them\n"
            "fustor: there were more groups than can be told apart: ask with --min-size\n");
  EXPECT_THAT(world_.asked, Contains("/api/v1/views/v/duplicates?under=/&by=size,name&limit=1"));
  options.duplicates.zero = true;
  EXPECT_EQ(Run("duplicates", options), 0);
  EXPECT_EQ(terminal_.text_, std::string("/data/d/x\0/data/d/e/\x1bx\0\0", 24));
  options.duplicates.zero = false;
  terminal_.interactive_ = true;
  EXPECT_EQ(Run("duplicates", options), 0);
  EXPECT_EQ(terminal_.text_,
            "2.0K each, 4.0K to gain:\n/data/d/x\n'/data/d/e/'$'\\033''x'\n... and 1 more\n\n");
  options.common.json = true;
  EXPECT_EQ(Run("duplicates", options), 0);
  EXPECT_THAT(terminal_.text_,
              HasSubstr(R"("more_files":1,"files":[{"name":"x","path":"/data/d/x")"));
}

TEST_F(Commands, SearchTakesAChoiceAndAnOrder) {
  Options options;
  options.search.text = "a";
  options.search.choice.regex = "^a";
  options.search.choice.owners = "ann";
  options.search.sort = "-size";
  EXPECT_EQ(Run("search", options), 0);
  EXPECT_THAT(world_.asked,
              Contains(HasSubstr("search?regex=^a&uid=7&sort=-size&under=/&pattern=a")));
  options.search.choice.owners = "nobody here";
  EXPECT_EQ(Run("search", options), 2);
  EXPECT_THAT(terminal_.errors_, HasSubstr("--owner takes names or numbers"));
}

// --- views, sessions ---

TEST_F(Commands, SessionsSaysWhoReports) {
  world_.said["/api/v1/views/v/sessions"] = {
      R"({"active_sessions":[{"session_id":"s1","task_id":"a:p","agent_id":"a","role":"leader",)"
      R"("client_ip":"10.0.0.1","source_uri":"/data","can_realtime":true,)"
      R"("last_activity":1699999998,"created_at":1600000000}]})"};
  EXPECT_EQ(Run("sessions"), 0);
  EXPECT_THAT(terminal_.text_,
              HasSubstr("a      v     leader  live     2020-09-13 12:26  2 seconds "
                        "ago  10.0.0.1  /data\n"));
  Options options;
  options.common.json = true;
  options.sessions.views = {"v"};
  EXPECT_EQ(Run("sessions", options), 0);
  EXPECT_THAT(terminal_.text_, HasSubstr(R"({"view":"v","session_id":"s1",)"));
  world_.said["/api/v1/views/v/sessions"] = {R"({"active_sessions":[]})"};
  EXPECT_EQ(Run("sessions"), 0);
  EXPECT_EQ(terminal_.text_, "No agent reports.\n");
}

TEST_F(Commands, ViewsListsWhatTheKeyOpens) {
  EXPECT_EQ(Run("views"), 0);
  EXPECT_THAT(terminal_.text_, HasSubstr("v     ready      0            0     0       0  none"));
  world_.key = "other";
  EXPECT_EQ(Run("views"), 1);
}

// --- find with actions ---

TEST_F(Commands, FindPrunesQuitsAndComparesTimes) {
  EXPECT_EQ(Find({"/data", "-name", "d", "-prune", "-o", "-print"}), 0);
  EXPECT_EQ(terminal_.text_, "/data\n/data/d-\n");
  EXPECT_EQ(Find({"/data", "-name", "a b", "-print", "-quit"}), 0);
  EXPECT_EQ(terminal_.text_, "/data/d/a b\n");
  EXPECT_EQ(Find({"/data", "-type", "f", "-limit", "1", "-printf", "%f,", "-printf", "%s\\n"}), 0);
  EXPECT_EQ(terminal_.text_, ".hidden,1\n");
  host_.times_["stamp"] = {.mtime_ns = 1'600'000'000'000'000'000};
  EXPECT_EQ(Find({"/data", "-name", "run", "-newer", "stamp"}), 0);
  EXPECT_EQ(terminal_.text_, "/data/d/run\n");
  // Not here: as the view has it.
  EXPECT_EQ(Find({"/data", "-name", "run", "-newer", "/data/d/e"}), 0);
  EXPECT_EQ(terminal_.text_, "");
  EXPECT_EQ(Find({"/data", "-newer", "/data/nothing"}), 1);
  EXPECT_EQ(Find({"/data", "-name", "run", "-user", "ann", "-group", "8"}), 0);
  EXPECT_EQ(terminal_.text_, "/data/d/run\n");
  EXPECT_EQ(Find({"/data", "-user", "anne"}), 1);
  EXPECT_EQ(terminal_.errors_,
            "fustor: find: no user is called anne on this machine; a number says it, too\n");
  EXPECT_EQ(Find({"/data", "-group", "stuff"}), 1);
}

}  // namespace
}  // namespace fustor::client
