#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "svc/client/flow/fakes_testing.h"
#include "svc/client/flow/run.h"

namespace fustor::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kPath[] = "/api/v1/views/v/changes";

std::string Event(const std::string& type, const std::string& members, const std::string& node,
                  const std::string& id = "") {
  return "event: " + type + "\ndata: {\"kind\":\"" + type +
         "\",\"revision\":2,\"time\":1700000000.25," + members + "\"node\":{" + node + "}}\n" +
         (id.empty() ? "" : "id: " + id + "\n") + "\n";
}
std::string File(const std::string& path, int size = 5) {
  return "\"name\":\"x\",\"path\":\"" + path +
         "\",\"content_type\":\"file\",\"size\":" + std::to_string(size) +
         ",\"mode\":33188,\"source_uri\":\"/data\"";
}
std::string Directory(const std::string& path) {
  return "\"name\":\"x\",\"path\":\"" + path +
         "\",\"content_type\":\"directory\",\"size\":4096,\"mode\":16877";
}
std::string Start(const std::string& id = "1-ab") {
  return "retry: 1000\nevent: start\ndata: {\"view_id\":\"v\",\"revision\":1,\"position\":\"" + id +
         "\",\"resumed\":false}\nid: " + id + "\n\n";
}

class Watch : public ::testing::Test {
 protected:
  Watch() {
    world_.sources = {{"v", "file:///data"}, {"w", "/other"}};
    world_.views["v"].Add({.path = "/", .kind = EntryKind::kDirectory});
    world_.views["w"].Add({.path = "/", .kind = EntryKind::kDirectory});
  }
  void Say(std::vector<std::string> pieces) {
    world_.streams[kPath].push_back({std::move(pieces)});
  }
  void SayEnough() {
    world_.streams[kPath].push_back({{}, 403, R"({"detail":"This API key does not open it"})"});
  }
  int Run(WatchOptions watch, bool json = false, bool wait = false) {
    Options options;
    options.watch = std::move(watch);
    options.common.json = json;
    options.common.wait = wait;
    world_.asked.clear();
    terminal_.text_.clear();
    terminal_.errors_.clear();
    const Ports ports{
        host_, terminal_, [this](const std::string&, const std::string& key) {
          return Result<std::unique_ptr<Fusion>>(std::make_unique<FakeFusion>(world_, key));
        }};
    return client::Run("watch", options, ports);
  }
  std::vector<std::string> Streams() const {
    std::vector<std::string> streams;
    for (const std::string& asked : world_.asked) {
      if (asked.find("/changes") != std::string::npos) streams.push_back(asked);
    }
    return streams;
  }

  FakeWorld world_;
  FakeHost host_;
  FakeTerminal terminal_;
};

TEST_F(Watch, PrintsALinePerChangeWithRealPaths) {
  Say({Start(), Event("created", "", File("/d/a b")) + Event("created", "", Directory("/d/n")),
       Event("moved", "\"old_path\":\"/d/a b\",", File("/d/n/c")),
       Event("updated", "\"changed\":[\"content\"],", File("/d/n/c", 123456)),
       Event("updated", "\"changed\":[\"permissions\",\"attributes\"],", Directory("/d/n")),
       Event("removed", "", Directory("/d/n"), "2-ab")});
  SayEnough();
  EXPECT_EQ(Run({.paths = {"/data/d"}}), 1);
  EXPECT_EQ(terminal_.text_,
            "2023-11-14 22:13:20.250 created            5 /data/d/a b\n"
            "2023-11-14 22:13:20.250 created            - /data/d/n/\n"
            "2023-11-14 22:13:20.250 moved              5 /data/d/a b -> /data/d/n/c\n"
            "2023-11-14 22:13:20.250 updated       123456 /data/d/n/c\n"
            "2023-11-14 22:13:20.250 updated            - /data/d/n/\n"
            "2023-11-14 22:13:20.250 removed            - /data/d/n/\n");
  EXPECT_THAT(Streams(), ElementsAre(std::string(kPath) + " path=/d",
                                     std::string(kPath) + " path=/d id=2-ab"));
}

TEST_F(Watch, APersonSeesNoEchoes) {
  Say({Event("updated", "\"changed\":[\"trust\"],", File("/a")),
       Event("updated", "\"changed\":[\"attributes\"],", File("/b")),
       Event("updated", "\"changed\":[\"content\",\"attributes\"],", Directory("/c"))});
  SayEnough();
  EXPECT_EQ(Run({}), 1);
  EXPECT_EQ(terminal_.text_, "");
}

TEST_F(Watch, JsonHasEverythingAndWhereToGoOn) {
  Say({Start(), Event("updated", "\"changed\":[\"trust\"],", File("/a")),
       Event("moved", "\"old_path\":\"/\\udcff\",\"old_path_b64\":\"L/8=\",", File("/b"), "2-ab")});
  SayEnough();
  EXPECT_EQ(Run({}, true), 1);
  EXPECT_EQ(terminal_.text_,
            R"({"kind":"start","view":"v","revision":1,"since":"1-ab"})"
            "\n"
            R"({"kind":"updated","time":1700000000.25,"revision":2,"changed":["trust"],"name":"a",)"
            R"("path":"/data/a","content_type":"file","size":5,"mode":33188,"source_uri":"/data",)"
            R"("view":"v","view_path":"/a"})"
            "\n"
            R"({"kind":"moved","time":1700000000.25,"revision":2,"old_path":"/data/\udcff",)"
            R"("old_path_b64":"L2RhdGEv/w==","since":"2-ab","name":"b","path":"/data/b",)"
            R"("content_type":"file","size":5,"mode":33188,"source_uri":"/data","view":"v",)"
            R"("view_path":"/b"})"
            "\n");
}

TEST_F(Watch, ComesBackWhereItWasAndSaysSo) {
  Say({Start(), Event("created", "", File("/a"), "2-ab")});
  Say(
      {"event: reset\ndata: {\"view_id\":\"v\",\"revision\":9,\"position\":\"9-cd\",\"reason\":"
       "\"there is no such revision\"}\nid: 9-cd\n\n"});
  // Then nobody answers for a while.
  host_.on_pause_ = [&] {
    if (host_.pauses_ == 3) {
      Say({Start("9-cd")});
      SayEnough();
    }
  };
  EXPECT_EQ(Run({.paths = {}, .since = "1"}), 1);
  EXPECT_THAT(Streams(), ElementsAre(std::string(kPath) + " path=/d since=1",
                                     std::string(kPath) + " path=/d since=1 id=2-ab",
                                     std::string(kPath) + " path=/d since=1 id=9-cd",
                                     std::string(kPath) + " path=/d since=1 id=9-cd",
                                     std::string(kPath) + " path=/d since=1 id=9-cd",
                                     std::string(kPath) + " path=/d since=1 id=9-cd",
                                     std::string(kPath) + " path=/d since=1 id=9-cd"));
  EXPECT_EQ(
      terminal_.errors_,
      "fustor: view 'v': Fusion has ended the stream; trying again\n"
      "fustor: view 'v': connected again\n"
      "fustor: view 'v': changes were missed (there is no such revision); what follows begins "
      "at this moment\n"
      "fustor: view 'v': Fusion has ended the stream; trying again\n"
      "fustor: view 'v': connected again\n"
      "fustor: view 'v': Fusion has ended the stream; trying again\n"
      "fustor: This API key does not open it\n");
}

TEST_F(Watch, WatchesSeveralPathsAndViews) {
  Say({Event("created", "", File("/a"))});
  SayEnough();
  world_.streams["/api/v1/views/w/changes"] = {{{Event("created", "", File("/b"))}},
                                               {{}, 404, R"({"detail":"View 'w' not found"})"}};
  EXPECT_EQ(Run({.paths = {"/data/a", "/other", "/data/x/"}}), 1);
  EXPECT_THAT(terminal_.text_, HasSubstr("/data/a\n"));
  EXPECT_THAT(terminal_.text_, HasSubstr("/other/b\n"));
  EXPECT_THAT(Streams(), testing::Contains(std::string(kPath) + " path=/a path=/x"));
  EXPECT_EQ(Run({.paths = {"/data", "/other"}, .since = "3"}), 2);
  EXPECT_THAT(terminal_.errors_, HasSubstr("--since"));
}

TEST_F(Watch, ANotReadyViewIsWaitedForOnlyWhenAsked) {
  const std::string detail = R"({"detail":"View 'v': no leader","snapshot_rows":0})";
  world_.streams[kPath].push_back({{}, 503, detail});
  EXPECT_EQ(Run({}), 3);
  EXPECT_THAT(terminal_.errors_, HasSubstr("no leader"));
  world_.streams[kPath].push_back({{}, 503, detail});
  Say({Event("created", "", File("/a"))});
  SayEnough();
  EXPECT_EQ(Run({}, false, true), 1);
  EXPECT_THAT(terminal_.text_, HasSubstr("/data/a\n"));
}

TEST_F(Watch, EndsWhenNobodyReadsAnyMore) {
  terminal_.bytes_max_ = 10;
  Say({Start(), Event("created", "", File("/a")), Event("created", "", File("/b"))});
  EXPECT_EQ(Run({}), 0);
  EXPECT_THAT(terminal_.text_, Not(HasSubstr("/data/b")));
}

TEST_F(Watch, NoticesWithoutALineThatNobodyReadsAnyMore) {
  Say({Start(), ": heartbeat\nid: 1-ab\n\n"});
  terminal_.has_reader_ = false;
  EXPECT_EQ(Run({}), 0);
  EXPECT_EQ(Streams().size(), 1u);
  terminal_.has_reader_ = true;
  Say({Start()});
  host_.on_pause_ = [&] { terminal_.has_reader_ = host_.pauses_ < 3; };
  EXPECT_EQ(Run({}), 0) << "Fusion has gone, and so has the reader";
}

TEST_F(Watch, SomethingElseThanFusionIsSaid) {
  Say({"event: created\ndata: {\"node\":\n\n"});
  EXPECT_EQ(Run({}), 1);
  EXPECT_THAT(terminal_.errors_, HasSubstr("not one of Fusion"));
  Say({"event: of a later age\ndata: {}\n\n"});
  SayEnough();
  EXPECT_EQ(Run({}), 1);
  EXPECT_THAT(terminal_.errors_, Not(HasSubstr("not one of Fusion")));
}

TEST_F(Watch, QuotesNamesForAPerson) {
  terminal_.interactive_ = true;
  Say({Event("created", "", File("/a\\u001b[31m"))});
  SayEnough();
  EXPECT_EQ(Run({}), 1);
  EXPECT_THAT(terminal_.text_, HasSubstr("$'\\033'"));
  EXPECT_THAT(terminal_.text_, Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace fustor::client
