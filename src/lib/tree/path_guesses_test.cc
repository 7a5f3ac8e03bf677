#include "lib/tree/path_guesses.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace fustor::tree {
namespace {

TEST(PathGuesses, RemembersUntilItGrowsOrTheCellIsTaken) {
  PathGuesses guesses;
  const std::uint64_t a = PathGuesses::Hash("/a/b");
  EXPECT_EQ(guesses.Guess(a), DirId{});
  guesses.Prefetch(a);  // Of nothing.
  guesses.Note(a, DirId{7}, 10);
  EXPECT_EQ(guesses.Guess(a), DirId{7});
  guesses.Note(a, DirId{8}, 10);
  EXPECT_EQ(guesses.Guess(a), DirId{8});
  guesses.Note(PathGuesses::Hash("/c"), DirId{9}, 1'000'000);
  EXPECT_EQ(guesses.Guess(a), DirId{});
  EXPECT_LE(guesses.size_bytes(), std::uint64_t{4} << 20);
  guesses.Note(a, DirId{8}, 4'000'000'000);
  EXPECT_LE(guesses.size_bytes(), std::uint64_t{4} << 20);
}

// Every byte and the length count; paths that differ little spread over the cells.
TEST(PathGuesses, HashesTellPathsApart) {
  std::set<std::uint64_t> hashes, cells;
  std::string path = "/";
  std::size_t made = 0;
  for (; made < 64; ++made) {
    hashes.insert(PathGuesses::Hash(path));
    path += '\0';
  }
  for (int user = 0; user < 100; ++user) {
    for (int i = 0; i < 100; ++i, ++made) {
      path = "/home/user-" + std::to_string(user) + "/project-" + std::to_string(i);
      hashes.insert(PathGuesses::Hash(path));
      cells.insert(PathGuesses::Hash(path) % (1 << 16));
    }
  }
  EXPECT_EQ(hashes.size(), made);
  EXPECT_GT(cells.size(), 9000u);
}

}  // namespace
}  // namespace fustor::tree
