// `top`, `views`, `sessions`, and what find does beside printing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "svc/client/flow/commands_testing.h"

namespace fustor::client {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

// --- top ---

TEST_F(Commands, TopAsksOnlyForWhatMayBeAmongTheFirst) {
  FakeTree& tree = world_.views["v"];
  for (int i = 0; i < 20; ++i) {
    tree.Add({.path = "/d/f" + std::to_string(10 + i), .size = 10 * (i % 7)});
  }
  Options options;
  options.top.count = 2;
  options.top.paths = {"/data"};
  EXPECT_EQ(Run("top", options), 0);
  EXPECT_EQ(terminal_.text_,
            "2675\t25\t1600000000\td\t/data/d\n"
            "600\t1\t1600000000\td\t/data/d/e\n"
            "1500\t1\t1600000000\tf\t/data/d/a b\n"
            "600\t1\t1600000000\tf\t/data/d/e/\xff\x1b[31m\n\n");
  // After the first page the least of the first is asked for.
  EXPECT_THAT(world_.asked, Contains(HasSubstr("size_min=601")));
  EXPECT_THAT(world_.asked, Not(Contains(HasSubstr("under=/d/e&type=directory"))));
}

TEST_F(Commands, TopShowsATableToPeople) {
  terminal_.interactive_ = true;
  Options options;
  options.top.files = true;
  options.top.count = 1;
  options.top.paths = {"."};
  EXPECT_EQ(Run("top", options), 0);
  EXPECT_EQ(terminal_.text_,
            "SIZE  FILES  CHANGED           PATH\n"
            "1.5K         2020-09-13 12:26  './a b'\n");
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
