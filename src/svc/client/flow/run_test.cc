#include "svc/client/flow/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/prng.h"
#include "svc/client/flow/commands_testing.h"

namespace fustor::client {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

// --- ls ---

TEST_F(Commands, LsPrintsRawBytesIntoAPipe) {
  Options options;
  EXPECT_EQ(Run("ls", options), 0);
  EXPECT_EQ(terminal_.text_, "a b\ne\nlink\nrun\n");
  options.ls.all = true;
  options.ls.paths = {"/data/d", "e/"};
  EXPECT_EQ(Run("ls", options), 0);
  EXPECT_EQ(terminal_.text_, "/data/d:\n.hidden\na b\ne\nlink\nrun\n\ne/:\n\xff\x1b[31m\n\n");
  EXPECT_EQ(url_, "http://local");
}

TEST_F(Commands, LsShowsAPersonColumnsAndQuotedNames) {
  terminal_.interactive_ = true;
  Options options;
  options.ls.paths = {".", "link"};
  EXPECT_EQ(Run("ls", options), 0);
  EXPECT_EQ(terminal_.text_, R"(.:
'a b'  e
link  run

link:
$'\377'$'\033''[31m'$'\n'
)");
  world_.views["v"].page_max = 100;
  terminal_.colours_ = true;
  options.ls.paths = {};
  EXPECT_EQ(Run("ls", options), 0);
  EXPECT_EQ(terminal_.text_,
            "'a b'  \x1b[1;34me\x1b[0m  \x1b[36mlink\x1b[0m  \x1b[32mrun\x1b[0m\n");
}

TEST_F(Commands, LsInTheLongForm) {
  world_.views["v"].page_max = 100;
  Options options;
  options.ls.detailed = true;
  options.ls.paths = {"link", "/data/d", "/data/d-"};
  EXPECT_EQ(Run("ls", options), 0);
  EXPECT_EQ(terminal_.text_, R"(lrwxrwxrwx  1  ann  staff  1  2020-09-13 12:26  link -> e
-rw-r--r--  1  ann  staff  7  2020-09-13 12:26  /data/d-

/data/d:
-rw-r--r--  1  ann  staff  1500  2020-09-13 12:26  a b
drwxr-xr-x  1  ann  staff     0  2020-09-13 12:26  e
lrwxrwxrwx  1  ann  staff     1  2020-09-13 12:26  link -> e
-rwxr-xr-x  1  ann  staff     3  2020-09-13 12:26  run ?
)");
  options.ls.paths = {"a b"};
  options.ls.human = true;
  EXPECT_EQ(Run("ls", options), 0);
  EXPECT_EQ(terminal_.text_, "-rw-r--r--  1  ann  staff  1.5K  2020-09-13 12:26  a b\n");
  options.ls.paths = {};
  options.ls.directory = true;
  EXPECT_EQ(Run("ls", options), 0);
  EXPECT_EQ(terminal_.text_, "drwxr-xr-x  1  ann  staff  0  2020-09-13 12:26  .\n");
}

TEST_F(Commands, LsForPrograms) {
  Options options;
  options.common.json = true;
  options.ls.paths = {"e"};
  EXPECT_EQ(Run("ls", options), 0);
  EXPECT_EQ(terminal_.text_,
            R"({"name":"\udcff\u001b[31m\n","path":"/data/d/e/\udcff\u001b[31m\n",)"
            R"("path_b64":"L2RhdGEvZC9lL/8bWzMxbQo=","content_type":"file","size":600,)"
            R"("integrity_suspect":false,"last_agent_id":"agent-1","source_uri":"/data",)"
            R"("modified_time_ns":1600000000123456789,"changed_time":1600000001.5,)"
            R"("accessed_time":1600000002.25,"mode":33188,"uid":7,"gid":8,"inode":42,"nlink":1,)"
            R"("allocated_size":1024,"view":"v","view_path":"/d/e/\udcff\u001b[31m\n"})"
            "\n");
}

// --- tree ---

TEST_F(Commands, TreeDraws) {
  Options options;
  options.tree.paths = {"/data"};
  EXPECT_EQ(Run("tree", options), 0);
  EXPECT_EQ(terminal_.text_,
            "/data\n"
            "├── d\n"
            "│   ├── a b\n"
            "│   ├── e\n"
            "│   │   └── \xff\x1b[31m\n\n"
            "│   ├── link -> e\n"
            "│   └── run\n"
            "└── d-\n"
            "\n2 directories, 5 files\n");
  terminal_.interactive_ = true;
  options.tree = {.paths = {}, .depth_max = 1, .all = true, .ascii = true, .sizes = true};
  EXPECT_EQ(Run("tree", options), 0);
  EXPECT_EQ(terminal_.text_, R"([ 4.0K]  .
|-- [  512]  .hidden
|-- [ 1.5K]  'a b'
|-- [ 1.0K]  e
|-- [  512]  link -> e
`-- [  512]  run

1 directory, 4 files
)");
  options.tree = {.paths = {"/data", "d-"}, .directories_only = true};
  EXPECT_EQ(Run("tree", options), 1);
  EXPECT_EQ(terminal_.text_, "/data\n└── d\n    └── e\n\n2 directories\n");
  EXPECT_EQ(terminal_.errors_, "fustor: /data/d/d-: no such file or directory (in view 'v')\n");
}

// --- du ---

TEST_F(Commands, DuSumsUp) {
  Options options;
  EXPECT_EQ(Run("du", options), 0);
  EXPECT_EQ(terminal_.text_, "1\t./e\n4\t.\n");
  options.du = {.paths = {"/data/"}, .human = true, .all = true, .depth_max = 2};
  EXPECT_EQ(Run("du", options), 0);
  EXPECT_EQ(terminal_.text_,
            "512\t/data/d/.hidden\n1.5K\t/data/d/a b\n1.0K\t/data/d/e\n512\t/data/d/link\n"
            "512\t/data/d/run\n4.0K\t/data/d\n512\t/data/d-\n4.5K\t/data/\n");
  options.du = {.paths = {"a b", "e"}, .bytes = true, .summarize = true, .zero = true};
  EXPECT_EQ(Run("du", options), 0);
  EXPECT_EQ(terminal_.text_, std::string("1500\ta b\0"
                                         "600\te\0",
                                         15));
  options.du = {.paths = {"e"}, .summarize = true};
  options.common.json = true;
  EXPECT_EQ(Run("du", options), 0);
  EXPECT_EQ(terminal_.text_,
            R"({"name":"e","path":"/data/d/e","file_count":1,"dir_count":1,"total_size":600,)"
            R"("allocated_size":1024,"latest_mtime_ns":1600000000123456789,"view":"v",)"
            R"("view_path":"/d/e"})"
            "\n");
}

// --- find ---

TEST_F(Commands, FindPrintsPathsAsTheyWereTyped) {
  EXPECT_EQ(Find({}), 0);
  EXPECT_EQ(terminal_.text_, ".\n./.hidden\n./a b\n./e\n./e/\xff\x1b[31m\n\n./link\n./run\n");
  EXPECT_THAT(world_.asked, Contains(HasSubstr("only_path=true")));
  EXPECT_EQ(Find({"/data/d/", "e", "-type", "d"}), 0);
  EXPECT_EQ(terminal_.text_, "/data/d/\n/data/d/e\ne\n");
  EXPECT_EQ(Find({"/data", "-mindepth", "1", "-maxdepth", "1", "-print0"}), 0);
  EXPECT_EQ(terminal_.text_, std::string("/data/d\0/data/d-\0", 17));
  EXPECT_EQ(Find({"..", "-name", "..", "-o", "-name", "run", "-user", "ann"}), 0);
  EXPECT_EQ(terminal_.text_, "..\n../d/run\n");
  EXPECT_EQ(Find({"/data/d-", "-limit", "5"}), 0);
  EXPECT_EQ(terminal_.text_, "/data/d-\n");
  EXPECT_EQ(Find({".", "-limit", "2"}), 0);
  EXPECT_EQ(terminal_.text_, ".\n./.hidden\n");
  EXPECT_EQ(Find({"link", "-type", "l"}), 0);
  EXPECT_EQ(terminal_.text_, "link\n");
  EXPECT_EQ(Find({"link/", "-type", "f", "--json"}), 0);
  EXPECT_THAT(terminal_.text_, HasSubstr(R"("view_path":"/d/e/\udcff\u001b[31m\n")"));
  terminal_.interactive_ = true;
  EXPECT_EQ(Find({"e", "-type", "f"}), 0);
  EXPECT_EQ(terminal_.text_, "'e/'$'\\377'$'\\033''[31m'$'\\n'\n");
}

TEST_F(Commands, FindAsksForLessWhenItCan) {
  EXPECT_EQ(Find({"/data", "-name", "run", "-type", "f", "-size", "-2k", "-maxdepth", "3"}), 0);
  EXPECT_EQ(terminal_.text_, "/data/d/run\n");
  EXPECT_EQ(world_.asked.back(),
            "/api/v1/views/v/search?under=/&type=file&pattern=run&size_max=1024&max_depth=3"
            "&limit=1000");
}

TEST_F(Commands, FindExplainsMistakes) {
  EXPECT_EQ(Find({"-nmae", "x"}), 2);
  EXPECT_EQ(
      terminal_.errors_,
      "fustor: find: there is no '-nmae'; did you mean '-name'?\nTry 'fustor find --help'.\n");
  EXPECT_EQ(terminal_.text_, "");
  EXPECT_TRUE(world_.asked.empty());
}

// --- stat ---

TEST_F(Commands, StatTellsEverything) {
  Options options;
  options.stat.paths = {"link", "/data/d"};
  EXPECT_EQ(Run("stat", options), 0);
  EXPECT_EQ(terminal_.text_, R"(Path:         /data/d/link
Type:         symbolic link
Points to:    e
Size:         1 byte (1), 512 allocated
Mode:         lrwxrwxrwx
Owner:        ann (7), group staff (8)
Links:        1
Inode:        42
Modified:     2020-09-13 12:26:40.123456789 +0000
Changed:      2020-09-13 12:26:41.500000 +0000
Accessed:     2020-09-13 12:26:42.250000 +0000
View:         v, there /d/link
Reported by:  agent-1 from /data
Trust:        as reported, nothing against it

Path:         /data/d
Type:         directory
Size:         0 bytes (0), 0 allocated
Mode:         drwxr-xr-x
Owner:        ann (7), group staff (8)
Links:        1
Inode:        42
Modified:     2020-09-13 12:26:40.123456789 +0000
Changed:      2020-09-13 12:26:41.500000 +0000
Accessed:     2020-09-13 12:26:42.250000 +0000
Contains:     5 files, 1 directory
In total:     2,105 bytes (2.1K), 4.0K allocated
Last change:  2020-09-13 12:26:40.123456789 +0000
View:         v, there /d
Reported by:  agent-1 from /data
Trust:        as reported, nothing against it
)");
  options.stat.paths = {"run"};
  EXPECT_EQ(Run("stat", options), 0);
  EXPECT_THAT(terminal_.text_, HasSubstr("Trust:        still changing: size and times may be"));
}

// --- search ---

TEST_F(Commands, SearchLooksIntoAllViews) {
  world_.sources["w"] = "/home/ann";
  world_.views["w"].Add({.path = "/", .kind = kDir, .flags = R"(,"source_uri":"/home/ann")"});
  world_.views["w"].Add({.path = "/run.log", .flags = R"(,"source_uri":"/home/ann")"});
  Options options;
  options.search.text = "run";
  EXPECT_EQ(Run("search", options), 0);
  EXPECT_EQ(terminal_.text_, "/data/d/run\n/home/ann/run.log\n");
  EXPECT_EQ(terminal_.errors_, "");
  options.search.limit = 1;
  EXPECT_EQ(Run("search", options), 0);
  EXPECT_EQ(terminal_.text_, "/data/d/run\n");
  EXPECT_EQ(terminal_.errors_, "fustor: there are more than 1; --limit 0 shows all\n");
  options.search = {.text = "d", .under = "/data", .everything = true, .zero = true};
  EXPECT_EQ(Run("search", options), 0);
  EXPECT_THAT(terminal_.text_, HasSubstr(std::string("/data/d\0/data/d/.hidden\0", 24)));
}

TEST_F(Commands, SearchTakesTextAsItIs) {
  world_.views["v"].Add({.path = "/d/x[1]*.TXT"});
  world_.views["v"].Add({.path = "/d/x1.txt"});
  Options options;
  options.search = {.text = "X[1]*.t", .substring = true};
  world_.asked.clear();
  EXPECT_EQ(Run("search", options), 0);
  EXPECT_THAT(world_.asked.back(), HasSubstr("&pattern=1]&"));
  // The fake looks at letters as they are; Fusion takes any case.
  options.search.text = "x[1]*.TXT";
  EXPECT_EQ(Run("search", options), 0);
  EXPECT_EQ(terminal_.text_, "/data/d/x[1]*.TXT\n");
}

// --- status ---

constexpr const char* kTwoViews =
    R"({"views":[{"id":"v","source_uris":["/data"],"ready":true,"freshness":"live",)"
    R"("total_files":12345,"total_directories":6,"total_size":1073741824,"uncertain":[{}],)"
    R"("audit_only":["/a","/b"],"suspect_file_count":1,"refused_items":2,"has_blind_spot":true},)"
    R"({"id":"w","source_uris":["/home"],"ready":false,"freshness":"none",)"
    R"("reason":"Initial snapshot sync phase in progress.","snapshot_rows":1000}]})";

TEST_F(Commands, StatusShowsViewsAgentsAndWhatIsWrong) {
  world_.said["/api/v1/views/"] = {kTwoViews};
  world_.said["/api/v1/views/v/sessions"] = {
      R"({"active_sessions":[{"task_id":"a:p","agent_id":"host-\u001b1","client_ip":"127.0.0.1",)"
      R"("role":"leader","can_realtime":true,"last_activity":1699999998.0}]})"};
  world_.said["/api/v1/views/w/sessions"] = {R"({"active_sessions":[]})"};
  world_.said["/health"] = {
      R"({"status":"degraded","version":"0.1.0","components":{"http":{"status":"ok"},)"
      R"("watch":{"status":"degraded","reason":"no more inotify watches"}}})"};
  EXPECT_EQ(Run("status"), 3);
  EXPECT_EQ(terminal_.text_, R"(Fusion at http://local, version 0.1.0: degraded
  watch degraded: no more inotify watches

VIEW  STATE       FILES  DIRECTORIES  SIZE  WATCHES
v     ready      12,345            6  1.0G  /data
w     not ready       0            0     0  /home
  v: 1 subtree is uncertain: changes were lost, the next scan will tell
  v: 2 subtrees are not watched: changes show after the next audit
  v: 1 file is still changing
  v: 2 entries were refused: the view has reached its limit max_tree_items
  v: the last audit found changes that no agent had seen

AGENT       VIEW  ROLE    CHANGES  LAST SEEN      FROM
host-\x1b1  v     leader  live     2 seconds ago  127.0.0.1
)");
  EXPECT_EQ(terminal_.errors_,
            "fustor: View 'w': Initial snapshot sync phase in progress. (1,000 entries so far)\n");
  Options options;
  options.common.json = true;
  EXPECT_EQ(Run("status", options), 3);
  EXPECT_THAT(terminal_.text_,
              ::testing::StartsWith(R"({"url":"http://local","health":{"status":"degraded",)"));
  EXPECT_THAT(terminal_.text_, HasSubstr(R"("sessions":{"v":[{"task_id":"a:p",)"));
}

TEST_F(Commands, AViewCanBeNamed) {
  world_.said["/api/v1/views/"] = {
      R"({"views":[{"id":"f:east","source_uris":["/data"],"ready":true},)"
      R"({"id":"f:west","source_uris":["/data"],"ready":true}]})"};
  world_.views["f:west"] = world_.views["v"];
  world_.views["f:west"].Add({.path = "/only-west"});
  Options options;
  options.ls.paths = {"/data"};
  options.common.view = "f:west";
  EXPECT_EQ(Run("ls", options), 0);
  EXPECT_THAT(terminal_.text_, HasSubstr("only-west"));
  options.common.view = "f";
  EXPECT_NE(Run("ls", options), 0);
  EXPECT_THAT(terminal_.errors_,
              HasSubstr("'f' is a forest; --view takes one of its members: f:east f:west"));
  options.common.view = "g";
  EXPECT_NE(Run("ls", options), 0);
  EXPECT_THAT(terminal_.errors_, HasSubstr("the key opens no view 'g'; it opens: f:east f:west"));
}

TEST_F(Commands, StatusWaitsForAllViews) {
  const std::string one = R"({"id":"v","source_uris":["/data"],"ready":)";
  world_.said["/api/v1/views/"] = {
      R"({"views":[)" + one + R"(false,"reason":"No leader."}]})",
      R"({"views":[)" + one + R"(false,"reason":"Syncing.","snapshot_rows":5}]})",
      R"({"views":[)" + one + R"(false,"reason":"Syncing.","snapshot_rows":9}]})",
      R"({"views":[)" + one + R"(true}]})"};
  world_.said["/api/v1/views/v/sessions"] = {R"({"active_sessions":[]})"};
  Options options;
  options.common.wait = true;
  EXPECT_EQ(Run("status", options), 0);
  EXPECT_EQ(terminal_.errors_,
            "fustor: waiting: View 'v': No leader.\n"
            "fustor: waiting: View 'v': Syncing. (5 entries so far)\n");
  EXPECT_EQ(host_.pauses_, 3);
}

// --- What can go wrong ---

TEST_F(Commands, SaysWhatToDoWhenNobodyAnswers) {
  const auto run = [&](int code, const std::string& says) {
    Options options;
    options.stat.paths = {"/data/d/run"};
    EXPECT_EQ(Run("stat", options), code);
    EXPECT_EQ(terminal_.errors_, says);
    EXPECT_EQ(terminal_.text_, "");
  };
  world_.running = false;
  run(3,
      "fustor: no Fustor answers at http://local (from /home/u/.fustor/connection.json): "
      "connection refused; start one with: fustor up /data/d/run\n");
  host_.files_.clear();
  run(3, "fustor: no Fustor is running for /data/d/run: start one with: fustor up /data/d/run\n");
  EXPECT_EQ(Run("status"), 3);
  EXPECT_EQ(terminal_.errors_, "fustor: no Fustor is running: start one with: fustor up DIR\n");
  host_.files_["/home/u/.fustor/connection.json"] = "forbidden";
  run(1,
      "fustor: /home/u/.fustor/connection.json may not be read: it belongs to whoever started "
      "Fustor\n");
  host_.files_["/home/u/.fustor/connection.json"] = "{}";
  run(1,
      "fustor: /home/u/.fustor/connection.json is not what fustor up writes: 'url' is missing\n");
  host_.variables_.clear();
  run(1, "fustor: HOME is not set; say with --home DIR or --url URL which Fusion to ask\n");
}

TEST_F(Commands, SaysWhenNoViewShowsThePath) {
  Options options;
  options.du.paths = {"/other dir/x", "/data/nothing", "e"};
  options.du.summarize = true;
  EXPECT_EQ(Run("du", options), 1);
  EXPECT_EQ(terminal_.text_, "1\te\n");
  EXPECT_EQ(terminal_.errors_,
            "fustor: no Fustor is running for '/other dir/x' (/data is watched): start one with: "
            "fustor up '/other dir/x'\n"
            "fustor: /data/nothing: no such file or directory (in view 'v')\n");
}

TEST_F(Commands, SaysWhyAViewIsNotReady) {
  world_.status = 503;
  const std::string no = R"({"detail":"View 'v': Initial snapshot sync\u001b phase in progress.",)"
                         R"("view_id":"v","snapshot_rows":12345})";
  world_.said["/api/v1/views/v/tree"] = {no};
  EXPECT_EQ(Run("ls"), 3);
  EXPECT_EQ(terminal_.errors_,
            "fustor: View 'v': Initial snapshot sync\\x1b phase in progress. (12,345 entries so "
            "far); --wait waits for it\n");

  world_.said["/api/v1/views/v/tree"] = {no};
  host_.on_pause_ = [&] {
    if (host_.pauses_ == 2) world_.said.clear();
  };
  Options options;
  options.common.wait = true;
  EXPECT_EQ(Run("ls", options), 0);
  EXPECT_EQ(terminal_.text_, "a b\ne\nlink\nrun\n");
  EXPECT_EQ(terminal_.errors_,
            "fustor: waiting: View 'v': Initial snapshot sync\\x1b phase in progress. (12,345 "
            "entries so far)\n");
}

TEST_F(Commands, TellsOfProgressNowAndThen) {
  world_.status = 503;
  std::vector<std::string>& said = world_.said["/api/v1/views/v/tree"];
  for (int i = 1; i <= 50; ++i) {
    said.push_back(R"({"detail":"View 'v': Syncing ()" + std::to_string(i) +
                   R"( rows so far).","view_id":"v","snapshot_rows":)" + std::to_string(i) + "}");
  }
  host_.on_pause_ = [&] {
    if (host_.pauses_ == 45) world_.said.clear();
  };
  Options options;
  options.common.wait = true;
  EXPECT_EQ(Run("ls", options), 0);
  EXPECT_EQ(terminal_.errors_,
            "fustor: waiting: View 'v': Syncing (1 rows so far).\n"
            "fustor: waiting: View 'v': Syncing (21 rows so far).\n"
            "fustor: waiting: View 'v': Syncing (41 rows so far).\n");
}

TEST_F(Commands, WaitsForFusionToStart) {
  world_.running = false;
  host_.on_pause_ = [&] { world_.running = host_.pauses_ == 3; };
  EXPECT_EQ(Find({"/data/d-", "--wait"}), 0);
  EXPECT_EQ(terminal_.text_, "/data/d-\n");
  EXPECT_EQ(host_.pauses_, 3);
}

TEST_F(Commands, SaysOnceThatAnswersAreStale) {
  world_.freshness = "stale; since=2023-11-14T22:13:10.000Z; reason=No active leader session.";
  EXPECT_EQ(Run("ls"), 0);
  EXPECT_EQ(terminal_.text_, "a b\ne\nlink\nrun\n");
  EXPECT_EQ(terminal_.errors_,
            "fustor: the answer is stale since 2023-11-14T22:13:10.000Z: No active leader "
            "session.\n");
}

TEST_F(Commands, ShowsTheKeyOnlyToWhomItBelongs) {
  Options options;
  options.common.url = "http://elsewhere";
  EXPECT_EQ(Run("ls", options), 1);
  EXPECT_EQ(terminal_.errors_,
            "fustor: http://elsewhere does not accept the key (Invalid API key): give another one "
            "with --key or FUSTOR_KEY\n");
  options.common.key = "k";
  EXPECT_EQ(Run("ls", options), 0);
  options.common = {};
  host_.variables_["FUSTOR_URL"] = "http://local";
  EXPECT_EQ(Run("ls", options), 0);  // The same as in the file.
  host_.variables_["FUSTOR_KEY"] = "wrong";
  EXPECT_EQ(Run("ls", options), 1);
  host_.variables_ = {{"FUSTOR_HOME", "/srv"}, {"HOME", "/nowhere"}};
  host_.files_["/srv/connection.json"] = R"({"url":"http://srv","key":"k"})";
  EXPECT_EQ(Run("ls", options), 0);
  EXPECT_EQ(url_, "http://srv");
  options.common.home = "/home/u/.fustor/";
  EXPECT_EQ(Run("ls", options), 0);
  EXPECT_EQ(url_, "http://local");
}

TEST_F(Commands, EndsWellWhenNobodyReads) {
  FakeTree& tree = world_.views["v"];
  tree.page_max = 10'000;
  for (int i = 0; i < 100'000; ++i) tree.Add({.path = "/d/f" + std::to_string(i)});
  terminal_.bytes_max_ = 1;
  world_.asked.clear();
  EXPECT_EQ(Find({"/data"}), 0);
  EXPECT_EQ(terminal_.errors_, "");
  EXPECT_LT(world_.asked.size(), 6u) << "it went on asking";
  terminal_.failure_ = Status(Code::kResourceExhausted, "No space left on device");
  EXPECT_EQ(Run("ls"), 1);
  EXPECT_EQ(terminal_.errors_, "fustor: cannot write: No space left on device\n");
}

TEST_F(Commands, RefusesAnswersOfSomethingElse) {
  world_.said["/api/v1/views/"] = {R"({"hello":1})"};
  EXPECT_EQ(Run("ls"), 1);
  EXPECT_EQ(terminal_.errors_, "fustor: the answer is not one of Fusion: 'views' is missing\n");
  EXPECT_EQ(Run("status"), 1);
  world_.said.clear();
  world_.said["/api/v1/views/v/search"] = {R"({"items":[],"next":"1.x"})"};
  EXPECT_EQ(Run("du"), 1);  // Would go on for ever.
  EXPECT_EQ(terminal_.errors_,
            "fustor: the answer is not one of Fusion: the same page comes twice\n");
}

TEST_F(Commands, PathsAreTakenAsTheKernelTakesThem) {
  const auto list = [&](const std::string& path) {
    Options options;
    options.ls.paths = {path};
    EXPECT_EQ(Run("ls", options), 0) << path;
    return terminal_.text_;
  };
  host_.links_["/mnt/alias"] = "/data";
  EXPECT_EQ(list("/mnt/alias/d-"), "/mnt/alias/d-\n");
  EXPECT_EQ(list("link/../run"), "link/../run\n");
  host_.real_ = false;  // Nothing is mounted here: by the letters.
  EXPECT_EQ(list("../d-"), "../d-\n");
  EXPECT_EQ(list("/data//d/./run"), "/data//d/./run\n");
  host_.real_ = true;
  world_.sources["v"] = "/mnt/alias";  // The view's own root is a link.
  EXPECT_EQ(list("/data/d-"), "/data/d-\n");
}

// --- Against the simplest models ---

struct ModelTree {
  FakeTree tree;
  // The same drawing by recursion.
  void Draw(const std::string& directory, const std::string& prefix, std::string* out) const {
    std::vector<std::string> children;
    for (const auto& [path, e] : tree.entries) {
      if (path != "/" && SplitPath(path).first == directory) children.push_back(path);
    }
    for (const std::string& child : children) {
      const bool last = child == children.back();
      *out += prefix + (last ? "└── " : "├── ") + std::string(SplitPath(child).second) + "\n";
      Draw(child, prefix + (last ? "    " : "│   "), out);
    }
  }
  void Sum(const std::string& directory, std::string* out) const {
    std::int64_t bytes = 0;
    for (const auto& [path, e] : tree.entries) {
      if (path != directory && SplitPath(path).first == directory && e.kind == kDir) Sum(path, out);
      if (IsWithin(path, directory)) bytes += e.size;
    }
    *out += std::to_string(bytes) + "\t/data" + (directory == "/" ? "" : directory) + "\n";
  }
};

TEST_F(Commands, RandomTreesAreShownAsModelsShowThem) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    ModelTree model;
    model.tree.page_max = 1 + random.Below(7);
    model.tree.Add({.path = "/", .kind = kDir});
    std::vector<std::string> directories = {"/"};
    for (int i = 0; i < 40; ++i) {
      const std::string parent = directories[random.Below(directories.size())];
      const std::string names[] = {"a", "a-", "b", "b.", "z\xff"};
      const std::string path = JoinPath(parent, names[random.Below(5)]);
      if (model.tree.entries.contains(path)) continue;
      const bool directory = random.Chance(1, 2);
      if (directory) directories.push_back(path);
      model.tree.Add({.path = path,
                      .kind = directory ? kDir : EntryKind::kFile,
                      .size = directory ? 0 : static_cast<std::int64_t>(random.Below(9))});
    }
    world_.views["v"] = model.tree;

    std::string expected = "/data\n";
    for (const auto& [path, e] : model.tree.entries) {
      if (path != "/") expected += "/data" + path + "\n";
    }
    EXPECT_EQ(Find({"/data"}), 0);
    EXPECT_EQ(terminal_.text_, expected);

    Options options;
    options.tree.paths = options.du.paths = {"/data"};
    expected = "/data\n";
    model.Draw("/", "", &expected);
    EXPECT_EQ(Run("tree", options), 0);
    EXPECT_EQ(terminal_.text_.substr(0, expected.size()), expected);

    options.du.bytes = true;
    expected.clear();
    model.Sum("/", &expected);
    EXPECT_EQ(Run("du", options), 0);
    EXPECT_EQ(terminal_.text_, expected);
  }
}

}  // namespace
}  // namespace fustor::client
