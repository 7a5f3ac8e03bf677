#include <gtest/gtest.h>

#include "base/prng.h"
#include "svc/fusion/wire/views_testing.h"

namespace fustor::fusion {
namespace {

class StoredAnswers : public ViewRoutes {
 protected:
  // What is answered with the store and without it.
  std::pair<Reply, Reply> Both(const std::string& target) {
    store_ = &kept_;
    Reply kept = Get(target);
    store_ = nullptr;
    return {std::move(kept), Get(target)};
  }
  void ExpectTheSame(const std::string& target) {
    const auto [kept, fresh] = Both(target);
    EXPECT_EQ(kept.status, fresh.status) << target;
    EXPECT_EQ(kept.body, fresh.body) << target;
    EXPECT_EQ(kept.headers.items(), fresh.headers.items()) << target;
  }

  http::AnswerStore kept_{1 << 20};
};

TEST_F(StoredAnswers, KeepsListingsOfOneLevelOnly) {
  view_->PutFile("/d/a");
  view_->PutFile("/d/sub/b");
  view_->tree_.Publish();
  store_ = &kept_;
  for (const std::string target :
       {"/v/tree?path=/d", "/v/tree?path=/d&max_depth=0", "/v/tree?path=/d/a&max_depth=1",
        "/v/tree?path=/d&max_depth=2", "/v/tree?path=/d&max_depth=1&limit=10",
        "/v/tree?path=/d&max_depth=1&envelope=true", "/v/tree?path=/d&max_depth=1&totals=true",
        "/v/tree?path=/nothing&max_depth=1", "/v/stats?path=/d"}) {
    Get(target);
    EXPECT_EQ(kept_.bytes(), 0u) << target;
  }
  Get("/v/tree?path=/d&max_depth=1");
  EXPECT_GT(kept_.bytes(), 0u);
}

TEST_F(StoredAnswers, ADirectoryOfManyIsNotKept) {
  for (int i = 0; i < 1'001; ++i) view_->PutFile("/d/" + std::to_string(i));
  view_->tree_.Publish();
  ExpectTheSame("/v/tree?path=/d&max_depth=1");
  EXPECT_EQ(kept_.bytes(), 0u);
}

TEST_F(StoredAnswers, SecondsAreWhatTheFirstWere) {
  view_->PutFile("/d/a");
  view_->tree_.Publish();
  ExpectTheSame("/v/tree?path=/d&max_depth=1");
  const std::size_t bytes = kept_.bytes();
  ExpectTheSame("/v/tree?path=/d&max_depth=1");
  EXPECT_EQ(kept_.bytes(), bytes);
  ExpectTheSame("/v/tree?path=/d&max_depth=1&only_path=true");
  EXPECT_GT(kept_.bytes(), bytes) << "another answer of its own";
}

TEST_F(StoredAnswers, WhatIsSaidAboutEntriesCountsToo) {
  view_->PutFile("/d/a");
  view_->tree_.Publish();
  const std::string target = "/v/tree?path=/d&max_depth=1";
  ExpectTheSame(target);
  view_->status_.uncertain.push_back({.path = "/d", .since = WallTime{1}, .session = {}});
  ExpectTheSame(target);
  EXPECT_NE(Get(target).body.find("\"uncertain\":true"), std::string::npos);
  view_->status_.uncertain.clear();
  ExpectTheSame(target);
  // The same numbers in another tree: Fusion was given another configuration.
  auto other = std::make_shared<FakeView>("v");
  other->PutFile("/d/b");
  other->tree_.Publish();
  other->status_.incarnation = view_->status_.incarnation + 1;
  views_.views_ = {other};
  ExpectTheSame(target);
}

// The seed is the parameter: a failure names it.
class AnyStoredAnswers : public StoredAnswers,
                         public ::testing::WithParamInterface<std::uint64_t> {};

TEST_P(AnyStoredAnswers, NothingOldIsAnsweredWhateverChanges) {
  Prng random(GetParam());
  const auto place = [&] {
    std::string path;
    for (std::uint64_t depth = 1 + random.Below(3); depth > 0; --depth) {
      path += "/" + std::to_string(random.Below(3));
    }
    return path;
  };
  for (int step = 0; step < 300; ++step) {
    const std::string path = place();
    const auto [directory, name] = SplitPath(path);
    switch (random.Below(5)) {
      case 0:
        view_->PutFile(path, static_cast<std::int64_t>(random.Below(1000)));
        break;
      case 1:
        view_->Put(path, EntryKind::kDirectory, static_cast<std::int64_t>(random.Below(1000)));
        break;
      case 2:
        if (const auto dir = view_->tree_.FindDirectory(directory)) view_->tree_.Erase(*dir, name);
        break;
      case 3: {
        const std::string to = place();
        const auto [to_directory, to_name] = SplitPath(to);
        const auto from_dir = view_->tree_.FindDirectory(directory);
        const auto to_dir = view_->tree_.FindDirectory(to_directory);
        if (from_dir && to_dir) (void)view_->tree_.Move(*from_dir, name, *to_dir, to_name);
        break;
      }
      default:
        break;
    }
    if (random.Below(500) == 0) view_->tree_.Clear();
    if (random.Below(2) == 0) view_->tree_.Publish();
    const std::string asked = random.Below(4) == 0 ? "/" : place();
    ExpectTheSame("/v/tree?path=" + asked + "&max_depth=1");
    if (HasFailure()) FAIL() << "step " << step;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, AnyStoredAnswers, ::testing::Range<std::uint64_t>(1, 21));

}  // namespace
}  // namespace fustor::fusion
