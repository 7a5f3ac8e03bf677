#include "svc/fusion/core/path_trie.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/prng.h"

namespace fustor::fusion {
namespace {

using Model = std::map<std::string, int>;

Model Contents(const PathTrie<int>& trie) {
  Model all;
  trie.ForEach([&](const auto& item) { all[PathTrie<int>::PathOf(item)] = item.value; });
  return all;
}

std::string RandomPath(Prng& prng) {
  std::string path;
  const std::uint64_t depth = 1 + prng.Below(4);
  for (std::uint64_t i = 0; i < depth; ++i) {
    path += '/';
    path += static_cast<char>('a' + prng.Below(3));
  }
  return path;
}

TEST(PathTrie, AgreesWithAMapOfPaths) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(seed);
    Prng prng(seed);
    PathTrie<int> trie;
    Model model;
    for (int step = 0; step < 200; ++step) {
      const std::string path = RandomPath(prng);
      const std::string other = RandomPath(prng);
      switch (prng.Below(5)) {
        case 0:
        case 1: {
          const auto [item, is_new] = trie.Insert(path);
          EXPECT_EQ(is_new, !model.contains(path));
          item->value = model[path] = step;
          break;
        }
        case 2:
          if (auto* item = trie.Find(path); item != nullptr) trie.Erase(item);
          model.erase(path);
          break;
        case 3: {
          std::size_t erased = 0;
          trie.EraseWithin(path, [&](const auto&) { ++erased; });
          EXPECT_EQ(std::erase_if(model, [&](auto& e) { return IsWithin(e.first, path); }), erased);
          break;
        }
        case 4: {
          if (IsWithin(path, other) || IsWithin(other, path)) break;
          trie.EraseWithin(other, [](const auto&) {});
          std::erase_if(model, [&](auto& e) { return IsWithin(e.first, other); });
          trie.Move(path, other);
          Model moved;
          for (const auto& [at, value] : model) {
            moved[IsWithin(at, path) ? other + at.substr(path.size()) : at] = value;
          }
          model = std::move(moved);
          break;
        }
      }
      ASSERT_EQ(Contents(trie), model);
      ASSERT_EQ(trie.size(), model.size());
    }
    trie.Clear();
    EXPECT_EQ(trie.node_count(), 0u);
  }
}

TEST(PathTrie, ForgetsDirectoriesThatHoldNothing) {
  PathTrie<int> trie;
  trie.Insert("/a/b/c/d");
  EXPECT_EQ(trie.node_count(), 4u);
  trie.Insert("/a/x");
  trie.Erase(trie.Find("/a/b/c/d"));
  EXPECT_EQ(trie.node_count(), 2u);
  trie.EraseWithin("/a", [](const auto&) {});
  EXPECT_EQ(trie.node_count(), 0u);
}

TEST(PathTrie, TakesPathsOfTheGreatestDepth) {
  std::string path;
  while (path.size() + 2 <= kPathBytesMax) path += "/a";
  PathTrie<int> trie;
  auto* item = trie.Insert(path).first;
  EXPECT_EQ(PathTrie<int>::PathOf(*item), path);
  trie.Move("/a", "/b");
  EXPECT_EQ(PathTrie<int>::PathOf(*item), "/b" + path.substr(2));
  trie.EraseWithin("/b", [](const auto&) {});
  EXPECT_EQ(trie.node_count(), 0u);
  trie.Insert(path);
}

}  // namespace
}  // namespace fustor::fusion
