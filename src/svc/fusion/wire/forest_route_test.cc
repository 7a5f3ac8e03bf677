#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "svc/fusion/wire/views_testing.h"

namespace fustor::fusion {
namespace {

using ::testing::HasSubstr;

class ForestRoutes : public ViewRoutes {
 protected:
  ForestRoutes() {
    for (const std::string id : {"f:p1", "f:p2", "f:p3"}) {
      members_.push_back(std::make_shared<FakeView>(id));
      views_.views_.push_back(members_.back());
      views_.forests_["f"].push_back(id);
    }
    views_.keys_["k"].views = {"f", "f:p1", "f:p2", "f:p3"};
    members_[0]->PutFile("/d/a", 10);
    members_[0]->PutFile("/d/b", 20);
    members_[1]->PutFile("/d/c", 500);
    members_[2]->PutFile("/other", 1);
    for (const auto& member : members_) member->tree_.Publish();
    members_[2]->status_.ready = false;
    members_[2]->status_.was_ready_once = false;
    members_[2]->status_.not_ready_reason = "No active leader session.";
    members_[2]->status_.retry_after_s = 10;
  }
  // data of a member, or nullptr.
  static const json::Value* DataOf(const json::Value& answer, const std::string& member) {
    const json::Value* const members = answer.Find("members");
    const json::Value* const one = members == nullptr ? nullptr : members->Find(member);
    return one == nullptr ? nullptr : one->Find("data");
  }

  std::vector<std::shared_ptr<FakeView>> members_;
};

TEST_F(ForestRoutes, EveryMemberAnswersForItself) {
  const json::Value answer = GetJson("/f/stats?path=/d");
  EXPECT_EQ(answer.Find("view_id")->AsString().value(), "f");
  EXPECT_EQ(answer.Find("best"), nullptr);
  EXPECT_EQ(DataOf(answer, "f:p1")->Find("file_count")->AsInt().value(), 2);
  EXPECT_EQ(DataOf(answer, "f:p2")->Find("total_size")->AsInt().value(), 500);
  const json::Value* const third = answer.Find("members")->Find("f:p3");
  EXPECT_EQ(third->Find("status")->AsInt().value(), 503);
  EXPECT_EQ(third->Find("retry_after")->AsString().value(), "10");
  EXPECT_THAT(third->Find("error")->Find("detail")->AsString().value(),
              HasSubstr("No active leader"));
  EXPECT_EQ(third->Find("data"), nullptr);
}

TEST_F(ForestRoutes, WhatOneDoesNotKnowIsItsOwn404) {
  const json::Value answer = GetJson("/f/tree?path=/d/c&max_depth=0");
  EXPECT_EQ(answer.Find("members")->Find("f:p1")->Find("status")->AsInt().value(), 404);
  EXPECT_EQ(DataOf(answer, "f:p2")->Find("size")->AsInt().value(), 500);
}

TEST_F(ForestRoutes, TheBestIsNamed) {
  const struct {
    std::string by, member;
  } cases[] = {{"file_count", "f:p1"}, {"total_size", "f:p2"}, {"latest_mtime", "f:p2"}};
  for (const auto& c : cases) {
    const json::Value answer = GetJson("/f/stats?path=/d&best=" + c.by);
    EXPECT_EQ(answer.Find("best")->Find("member")->AsString().value(), c.member) << c.by;
    EXPECT_EQ(answer.Find("best")->Find("by")->AsString().value(), c.by);
    EXPECT_NE(DataOf(answer, "f:p1"), nullptr) << "the others answer all the same";
  }
  const json::Value tree = GetJson("/f/tree?path=/d&best=total_size");
  EXPECT_EQ(DataOf(tree, "f:p1"), nullptr) << "a tree is asked of the best one only";
  EXPECT_EQ(DataOf(tree, "f:p2")->Find("children")->items().size(), 1u);
  // Who is not ready is not asked, and nobody else has it.
  EXPECT_TRUE(GetJson("/f/stats?path=/other&best=file_count").Find("best")->is_null());
  const Reply bad = Get("/f/stats?best=depth");
  EXPECT_EQ(bad.status, 422);
  EXPECT_THAT(bad.body, HasSubstr("latest_mtime"));
}

TEST_F(ForestRoutes, AMemberIsAViewOfItsOwn) {
  EXPECT_EQ(GetJson("/f:p1/stats?path=/d").Find("file_count")->AsInt().value(), 2);
  EXPECT_EQ(Get("/f:p3/stats").status, 503);
  EXPECT_EQ(Get("/f:p9/stats").status, 403);
  const Reply changes = Get("/f/changes");
  EXPECT_EQ(changes.status, 400);
  EXPECT_THAT(changes.body, HasSubstr("ask one of them: f:p1 f:p2 f:p3"));
}

TEST_F(ForestRoutes, KeysComeFirst) {
  EXPECT_EQ(Ask("GET", "/api/v1/views/f/stats", {}).status, 401);
  EXPECT_EQ(Ask("GET", "/api/v1/views/f/stats", {{"x-api-key", "bad"}}).status, 401);
  EXPECT_EQ(Ask("GET", "/api/v1/views/f/stats", {{"x-api-key", "other"}}).status, 403);
}

TEST_F(ForestRoutes, ListsAndResetsGoToAll) {
  for (const std::string route : {"sessions", "suspect-list", "blind-spots", "search?pattern=a"}) {
    const json::Value answer = GetJson("/f/" + route);
    EXPECT_NE(DataOf(answer, "f:p1"), nullptr) << route;
  }
  const Reply reset = Ask("DELETE", "/api/v1/views/f/reset");
  EXPECT_EQ(reset.status, 200);
  EXPECT_THAT(reset.body, HasSubstr(R"("f:p1":{"status":204,"data":null})"));
  for (const auto& member : members_) EXPECT_EQ(member->resets_, 1);
}

TEST_F(ForestRoutes, JobsAreStartedOfOneMemberAndListedOfAll) {
  const Reply whole = Ask("POST", "/api/v1/views/f/jobs?path=/d");
  EXPECT_EQ(whole.status, 400);
  EXPECT_THAT(whole.body, HasSubstr("ask one of them: f:p1 f:p2 f:p3"));
  EXPECT_EQ(Get("/f/jobs/1a2b3c4d").status, 400);
  EXPECT_EQ(Get("/f:p1/jobs/1a2b3c4d").status, 404);
  EXPECT_EQ(Ask("POST", "/api/v1/views/f:p9/jobs").status, 403);
  const json::Value jobs = GetJson("/f/jobs");
  for (const auto& member : members_) {
    ASSERT_NE(DataOf(jobs, member->id()), nullptr) << "one that is not ready as well";
    EXPECT_TRUE(DataOf(jobs, member->id())->Find("jobs")->items().empty());
  }
}

TEST_F(ForestRoutes, LongAnswersAreHandedOnInPieces) {
  for (int i = 0; i < 5'000; ++i) members_[0]->PutFile("/many/" + std::to_string(i));
  members_[0]->tree_.Publish();
  options_.one_revision_bytes = 1000;
  options_.piece_bytes = 1000;
  const json::Value answer = GetJson("/f/tree?path=/many");
  EXPECT_EQ(DataOf(answer, "f:p1")->Find("children")->items().size(), 5'000u);
  EXPECT_EQ(answer.Find("members")->Find("f:p2")->Find("status")->AsInt().value(), 404);
  // Somebody who goes away in the middle gets no proper end.
  writes_max_ = 3;
  EXPECT_FALSE(Get("/f/tree?path=/many").ended);
}

TEST_F(ForestRoutes, AnEmptyForestHasNoMembers) {
  views_.forests_["f"].clear();
  EXPECT_EQ(Get("/f/stats").body, R"({"view_id":"f","members":{}})");
  EXPECT_THAT(Get("/f/changes").body, HasSubstr("it has none yet"));
}

}  // namespace
}  // namespace fustor::fusion
