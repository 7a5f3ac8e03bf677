#include "lib/http/answer_store.h"

#include <gtest/gtest.h>

#include <map>

#include "base/prng.h"

namespace fustor::http {
namespace {

AnswerStore::Body BodyOf(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

TEST(AnswerStore, GivesBackWhatWasPutUnderTheSameVersion) {
  AnswerStore store(1 << 20);
  EXPECT_EQ(store.Find("/a", "1"), nullptr);
  const AnswerStore::Body body = BodyOf("text");
  store.Put("/a", "1", body);
  EXPECT_EQ(store.Find("/a", "1"), body);
  EXPECT_EQ(store.Find("/a", "2"), nullptr);
  EXPECT_EQ(store.Find("/b", "1"), nullptr);
  EXPECT_EQ(store.bytes(), 2u + 1 + 4);
}

TEST(AnswerStore, AnotherVersionReplaces) {
  AnswerStore store(1 << 20);
  store.Put("/a", "1", BodyOf("old"));
  store.Put("/a", "22", BodyOf("newer"));
  EXPECT_EQ(store.Find("/a", "1"), nullptr);
  EXPECT_EQ(*store.Find("/a", "22"), "newer");
  EXPECT_EQ(store.bytes(), 2u + 2 + 5);
}

TEST(AnswerStore, WhatIsTooLargeIsNotKeptAndItsOldVersionGoes) {
  AnswerStore store(1600);
  store.Put("/a", "1", BodyOf(std::string(100, 'x')));
  EXPECT_NE(store.Find("/a", "1"), nullptr);
  EXPECT_FALSE(store.Takes(101));
  store.Put("/a", "2", BodyOf(std::string(101, 'x')));
  EXPECT_EQ(store.Find("/a", "2"), nullptr);
  EXPECT_EQ(store.Find("/a", "1"), nullptr);
  EXPECT_EQ(store.bytes(), 0u);
}

TEST(AnswerStore, ABodyLivesAsLongAsSomebodySendsIt) {
  AnswerStore store(1600);
  store.Put("/a", "1", BodyOf("still being sent"));
  const AnswerStore::Body sending = store.Find("/a", "1");
  store.Put("/a", "2", BodyOf("next"));
  EXPECT_EQ(*sending, "still being sent");
}

// Against a map that forgets nothing: what is found is what was put last; the bound holds; what was
// asked for a moment ago is still there.
TEST(AnswerStore, IsRightAndBoundedWhateverIsAsked) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Prng random(seed);
    AnswerStore store(4000);
    std::map<std::string, std::pair<std::string, std::string>> model;
    for (int step = 0; step < 2'000; ++step) {
      const std::string key = "/" + std::to_string(random.Below(100));
      if (random.Chance(1, 2)) {
        const std::string version = std::to_string(random.Below(3));
        const std::string text(random.Below(300), static_cast<char>('a' + random.Below(26)));
        store.Put(key, version, BodyOf(text));
        model[key] = {version, text};
        ASSERT_EQ(store.Find(key, version) != nullptr, store.Takes(text.size()));
      } else if (const auto known = model.find(key); known != model.end()) {
        const auto& [version, text] = known->second;
        if (const AnswerStore::Body found = store.Find(key, version)) ASSERT_EQ(*found, text);
        ASSERT_EQ(store.Find(key, version + "x"), nullptr);
      }
      ASSERT_LE(store.bytes(), 4000u);
    }
  }
}

}  // namespace
}  // namespace fustor::http
