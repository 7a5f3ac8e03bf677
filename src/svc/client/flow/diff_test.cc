// `fustor diff`.
#include "svc/client/flow/commands_testing.h"

namespace fustor::client {
namespace {

constexpr char kDiff[] = "/api/v1/views/v/diff";
constexpr char kChanged[] =
    R"({"change":"changed","what":["kind","content"],"path":"/d/x","before":{"type":"file","size":1},)"
    R"("after":{"type":"directory","size":4096,"total_size":2048}})"
    "\n";
constexpr char kRemoved[] =
    R"({"change":"removed","path":"/d/y\n","before":{"type":"file","size":7},"after":null})"
    "\n";
constexpr char kEnd[] = R"({"summary":{"added":{"file_count":0,"dir_count":0,"total_size":0},)"
                        R"("removed":{"file_count":1234,"dir_count":2,"total_size":2048},)"
                        R"("changed":{"count":1,"size_before":1,"size_after":3}},"next":null})"
                        "\n";

class DiffCommand : public Commands {
 protected:
  int Diff(const DiffOptions& options, bool json = false) {
    Options all;
    all.diff = options;
    all.common.json = json;
    return Run("diff", all);
  }
};

TEST_F(DiffCommand, SaysWhatIsDifferent) {
  const std::string all = std::string(kChanged) + kRemoved + kEnd;
  world_.downloads[kDiff].pieces = {all.substr(0, 20), all.substr(20, 300), all.substr(320)};
  EXPECT_EQ(Diff({.with = "w"}), cli::kExitOk);
  EXPECT_EQ(world_.asked.back(), std::string(kDiff) + " path=/d with=w");
  EXPECT_EQ(terminal_.text_,
            "changed            1        2048  kind,content  ./x/\n"
            "removed            7           -  -  ./y\n\n");
  EXPECT_EQ(Diff({.with = "w", .aspects = "kind", .expand = true, .summarize = true}),
            cli::kExitOk);
  EXPECT_EQ(world_.asked.back(), std::string(kDiff) + " path=/d with=w aspects=kind expand=true");
  EXPECT_EQ(terminal_.text_,
            "added: 0 files, 0 directories, 0 bytes\n"
            "removed: 1,234 files, 2 directories, 2048 bytes\n"
            "changed: 1 entries, 1 bytes before, 3 after\n");
  EXPECT_EQ(Diff({.with = "w"}, true), cli::kExitOk);
  EXPECT_EQ(terminal_.text_, all);
  EXPECT_EQ(Diff({.with = "w", .summarize = true}, true), cli::kExitOk);
  EXPECT_EQ(terminal_.text_, kEnd);
}

TEST_F(DiffCommand, KnowsTimes) {
  world_.downloads[kDiff].pieces = {kEnd};
  EXPECT_EQ(Diff({.from = "1d", .to = "2h"}), cli::kExitOk);
  EXPECT_EQ(world_.asked.back(), std::string(kDiff) +
                                     " path=/d from_ns=1699913600000000000"
                                     " to_ns=1699992800000000000");
  EXPECT_EQ(Diff({.from = "soon"}), cli::kExitFailed);
  EXPECT_NE(terminal_.errors_.find("--from takes an age"), std::string::npos);
  EXPECT_EQ(Diff({.with = "w", .from = "1d"}), cli::kExitFailed);
}

TEST_F(DiffCommand, SaysWhenThatIsNotAll) {
  world_.downloads[kDiff] = {.pieces = {kRemoved}, .status = 0};
  EXPECT_EQ(Diff({.with = "w"}), cli::kExitFailed);
  EXPECT_NE(terminal_.errors_.find("broke off"), std::string::npos);
  world_.downloads[kDiff] = {.pieces = {kRemoved}};
  EXPECT_EQ(Diff({.with = "w"}), cli::kExitFailed);
  EXPECT_NE(terminal_.errors_.find("the sums are missing"), std::string::npos);
  world_.downloads[kDiff] = {.pieces = {"no JSON\n"}};
  EXPECT_EQ(Diff({.with = "w"}), cli::kExitFailed);
  world_.downloads[kDiff] = {.pieces = {"{}\n"}};
  EXPECT_EQ(Diff({.with = "w"}), cli::kExitFailed);
  world_.downloads[kDiff] = {.pieces = {std::string(3 << 20, 'x')}};
  EXPECT_EQ(Diff({.with = "w"}), cli::kExitFailed);
  world_.downloads[kDiff] = {.status = 403, .body = R"({"detail":"not yours"})"};
  EXPECT_EQ(Diff({.with = "w"}), cli::kExitFailed);
  EXPECT_EQ(terminal_.errors_, "fustor: not yours\n");
  EXPECT_EQ(Diff({}), cli::kExitFailed);
  EXPECT_EQ(terminal_.errors_,
            "fustor: say with --with VIEW or with --from WHEN what to compare with\n");
}

}  // namespace
}  // namespace fustor::client
