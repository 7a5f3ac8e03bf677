// Differences between two views.
#include <gtest/gtest.h>

#include <set>

#include "base/prng.h"
#include "svc/fusion/wire/views_testing.h"

namespace fustor::fusion {
namespace {

class Diffs : public ViewRoutes {
 protected:
  Diffs() {
    other_ = std::make_shared<FakeView>("w");
    views_.views_.push_back(other_);
    views_.keys_["k"].views.push_back("w");
  }

  // Each line of an answer.
  std::vector<json::Value> Lines(const Reply& reply) {
    EXPECT_EQ(reply.status, 200) << reply.body;
    EXPECT_TRUE(reply.ended);
    std::vector<json::Value> lines;
    std::string_view rest = reply.body;
    while (!rest.empty()) {
      const std::size_t end = rest.find('\n');
      Result<json::Value> line = json::Parse(rest.substr(0, end));
      EXPECT_TRUE(line.ok()) << rest.substr(0, end);
      if (!line.ok() || end == std::string_view::npos) break;
      lines.push_back(*std::move(line));
      rest.remove_prefix(end + 1);
    }
    return lines;
  }
  // "+/a -/b ~/c", without the last line.
  std::string Short(const std::vector<json::Value>& lines) {
    std::string text;
    for (std::size_t i = 0; i + 1 < lines.size(); ++i) {
      const std::string_view change = *lines[i].GetString("change");
      text += change == "added" ? "+" : change == "removed" ? "-" : "~";
      text += std::string(*lines[i].GetString("path")) + " ";
    }
    return text;
  }
  std::string Short(const std::string& query) {
    return Short(Lines(Get("/v/diff?with=w" + query)));
  }

  std::shared_ptr<FakeView> other_;
};

TEST_F(Diffs, AreLinesWithTheirSums) {
  view_->PutFile("/both", 1);
  other_->PutFile("/both", 3);
  view_->PutFile("/old/a\xff", 5);
  view_->PutFile("/old/b", 600);
  other_->Put("/new", EntryKind::kSymlink, 2, "to");
  view_->tree_.Publish();
  other_->tree_.Publish();
  other_->tree_.Publish();
  const Reply reply = Get("/v/diff?with=w");
  EXPECT_EQ(reply.headers.Find("Content-Type"), "application/x-ndjson");
  const std::string tail = R"(,"mode":33188,"uid":1000,"gid":100,"inode":42,"nlink":1)";
  EXPECT_EQ(
      reply.body,
      R"({"change":"changed","what":["content"],"path":"/both","before":{"type":"file","size":1,)"
      R"("allocated_size":512,"modified_time_ns":1600000000000000001)" +
          tail +
          R"(},"after":{"type":"file","size":3,"allocated_size":512,)"
          R"("modified_time_ns":1600000000000000003)" +
          tail +
          "}}\n"
          R"({"change":"added","path":"/new","before":null,"after":{"type":"symlink","size":2,)"
          R"("allocated_size":512,"modified_time_ns":1600000000000000002,"mode":41471,"uid":1000,)"
          R"("gid":100,"inode":42,"nlink":1,"symlink_target":"to"}})"
          "\n"
          R"({"change":"removed","path":"/old","before":{"type":"directory","size":0,)"
          R"("allocated_size":0,"modified_time_ns":0,"mode":16384,"uid":0,"gid":0,"inode":0,"nlink":1,)"
          R"("file_count":2,"dir_count":1,"total_size":605},"after":null})"
          "\n"
          R"({"summary":{"added":{"file_count":1,"dir_count":0,"total_size":2,"allocated_size":512},)"
          R"("removed":{"file_count":2,"dir_count":1,"total_size":605,"allocated_size":1536},)"
          R"("changed":{"count":1,"kind":0,"content":1,"permissions":0,"attributes":0,)"
          R"("size_before":1,"size_after":3}},)"
          R"("before":{"view_id":"v","revision":1,"freshness":"live"},)"
          R"("after":{"view_id":"w","revision":1,"freshness":"live"},"next":null})"
          "\n");
}

TEST_F(Diffs, LookAtWhatIsAskedFor) {
  view_->PutFile("/d/x", 1);
  view_->PutFile("/e/only", 1);
  other_->PutFile("/d/x", 2);
  other_->PutFile("/d/sub/deep", 2);
  other_->Put("/e", EntryKind::kFile, 4);
  view_->tree_.Publish();
  other_->tree_.Publish();
  EXPECT_EQ(Short(""), "+/d/sub ~/d/x ~/e ");
  EXPECT_EQ(Short("&expand=true"), "+/d/sub +/d/sub/deep ~/d/x ~/e -/e/only ");
  EXPECT_EQ(Short("&path=/d"), "+/d/sub ~/d/x ");
  EXPECT_EQ(Short("&path=/d/sub"), "+/d/sub ");
  EXPECT_EQ(Short("&aspects=permissions"), "+/d/sub ");
  EXPECT_EQ(Short("&aspects=kind"), "+/d/sub ~/e ");
  EXPECT_EQ(Get("/v/diff?with=w&path=/none").status, 404);
  EXPECT_EQ(Short(Lines(Get("/v/diff?with=v"))), "");
}

TEST_F(Diffs, ComeInPages) {
  options_.piece_bytes = 300;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    for (FakeView* view : {view_.get(), other_.get()}) {
      view->tree_.Clear();
      for (int i = 0; i < 60; ++i) {
        std::string path = "/d" + std::to_string(random.Below(5));
        if (random.Chance(1, 2)) path += "/" + std::to_string(random.Below(20));
        view->PutFile(path, static_cast<std::int64_t>(random.Below(2)));
      }
      view->tree_.Publish();
    }
    const std::string expand = random.Chance(1, 2) ? "&expand=true" : "";
    const std::string whole = Short(expand);
    std::string paged, cursor;
    for (int page = 0; page < 200; ++page) {
      const std::uint64_t limit = 1 + random.Below(9);
      const std::vector<json::Value> lines =
          Lines(Get("/v/diff?with=w&limit=" + std::to_string(limit) + expand + cursor));
      EXPECT_LE(lines.size(), limit + 1);
      paged += Short(lines);
      const json::Value* next = lines.back().Find("next");
      if (next->is_null()) break;
      EXPECT_EQ(lines.size(), limit + 1);
      cursor = "&cursor=" + std::string(*next->AsString());
    }
    EXPECT_EQ(paged, whole);
  }
}

TEST_F(Diffs, AreForWhomBothViewsAreOpen) {
  view_->PutFile("/a");
  view_->tree_.Publish();
  other_->tree_.Publish();
  EXPECT_EQ(Get("/v/diff").status, 422);
  EXPECT_EQ(Get("/v/diff?with=w&aspects=what").status, 422);
  EXPECT_EQ(Get("/v/diff?with=w&limit=0").status, 422);
  EXPECT_EQ(Get("/v/diff?with=w&cursor=1.YQ").status, 422);
  EXPECT_EQ(Get("/v/diff?with=lost").status, 404);
  EXPECT_EQ(Get("/v/diff?with=none").status, 403);
  EXPECT_EQ(Ask("GET", "/api/v1/views/w/diff?with=v", {{"x-api-key", "other"}}).status, 403);
  EXPECT_EQ(Ask("GET", "/api/v1/views/v/diff?with=w", {}).status, 401);
  views_.forests_["lost"] = {"v"};
  EXPECT_EQ(Get("/v/diff?with=lost").status, 400);
  other_->status_.ready = false;
  other_->status_.not_ready_reason = "No active leader session.";
  other_->status_.was_ready_once = false;
  EXPECT_EQ(Get("/v/diff?with=w").status, 503);
  other_->status_.stale_ok = other_->status_.was_ready_once = true;
  const Reply stale = Get("/v/diff?with=w");
  EXPECT_TRUE(stale.headers.Find("X-Fustor-Freshness").has_value());
  EXPECT_NE(stale.body.find(R"("view_id":"w","revision":0,"freshness":"stale")"),
            std::string::npos);
  const Reply head = Ask("HEAD", "/api/v1/views/v/diff?with=w");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.body, "");
}

TEST_F(Diffs, AreBoundedAsExportsAre) {
  for (int i = 0; i < 50; ++i) view_->PutFile("/" + std::to_string(i));
  view_->tree_.Publish();
  options_.long_answers_max = 0;
  EXPECT_EQ(Get("/v/diff?with=w").status, 429);
  options_.long_answers_max = 1;
  options_.piece_bytes = 300;
  on_write_ = [&] { other_->status_.memory.retired_bytes = std::uint64_t{2} << 30; };
  const Reply held = Get("/v/diff?with=w");
  EXPECT_EQ(held.writes, 1);
  EXPECT_FALSE(held.ended);
}

TEST_F(Diffs, AreOfTwoTimes) {
  view_->PutFile("/new", 1);
  view_->tree_.Publish();
  for (const std::int64_t second : {100, 200}) {
    auto& kept = *view_->checkpoints_.emplace_back(std::make_shared<LoadedCheckpoint>());
    kept.header.written_at = {second * 1'000'000'000};
    kept.header.revision = static_cast<tree::Revision>(second);
    kept.tree.Put(tree::kRoot, second == 100 ? "first" : "second", tree::Entry());
    kept.tree.Publish();
  }
  const auto changes = [&](const std::string& query) {
    return Short(Lines(Get("/v/diff?" + query)));
  };
  EXPECT_EQ(changes("from=150"), "-/first +/new ");
  EXPECT_EQ(changes("from_ns=100000000000"), "-/first +/new ");
  EXPECT_EQ(changes("from=1000"), "+/new -/second ");
  EXPECT_EQ(changes("from=199&to=200"), "-/first +/second ");
  const Reply reply = Get("/v/diff?from=150");
  EXPECT_NE(reply.body.find(
                R"("before":{"view_id":"v","revision":1,"freshness":"checkpoint",)"
                R"("written_at":100.0},"after":{"view_id":"v","revision":1,"freshness":"live"})"),
            std::string::npos)
      << reply.body;
  const Reply none = Get("/v/diff?from=99");
  EXPECT_EQ(none.status, 404);
  EXPECT_NE(none.body.find("the oldest is of 1970-01-01T00:01:40"), std::string::npos);
  EXPECT_EQ(Get("/v/diff?from=200&to=99").status, 404);
  EXPECT_EQ(Get("/v/diff?from=x").status, 422);
  EXPECT_EQ(Get("/v/diff?to=200").status, 422);
  EXPECT_EQ(Get("/v/diff?from=200&with=w").status, 422);
  // What is kept on disk can be asked about whatever the view is doing.
  view_->status_.ready = view_->status_.was_ready_once = false;
  EXPECT_EQ(Get("/v/diff?from=150").status, 503);
  EXPECT_EQ(changes("from=199&to=200"), "-/first +/second ");
  options_.past_diffs_max = 0;
  EXPECT_EQ(Get("/v/diff?from=199&to=200").status, 429);
}

TEST_F(Diffs, SayWhichCheckpointsThereAre) {
  auto& kept = *view_->checkpoints_.emplace_back(std::make_shared<LoadedCheckpoint>());
  kept.header.written_at = {1'500'000'000};
  kept.header.revision = 7;
  kept.header.entries = 3;
  EXPECT_EQ(
      Get("/v/checkpoints").body,
      R"({"view_id":"v","checkpoints":[{"number":1,"written_at":1.5,"revision":7,"entries":3,)"
      R"("bytes":100}],"count":1})");
  view_->keeps_checkpoints_ = false;
  EXPECT_EQ(Get("/v/checkpoints").body, R"({"view_id":"v","checkpoints":[],"count":0})");
  EXPECT_EQ(Get("/v/diff?from=1").status, 404);
}

}  // namespace
}  // namespace fustor::fusion
