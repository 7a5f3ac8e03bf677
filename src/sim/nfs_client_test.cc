#include "sim/nfs_client.h"

#include <gtest/gtest.h>

namespace fustor::sim {
namespace {

constexpr Actor kMe{1, 0};
constexpr Actor kOther{2, 0};
constexpr NodeId kRoot = FileSystem::kRoot;

class Client : public testing::Test {
 protected:
  static NfsOptions Caching(bool close_to_open) {
    return {.life_min = Seconds(3),
            .life_max = Seconds(12),
            .close_to_open = close_to_open,
            .readdir_plus = false,
            .mount = 1};
  }
  World world_{1};
  FileSystem fs_{world_, {.granularity = Nanos(1), .silly_renames = true}};
  NfsClient client_{world_, fs_, Caching(false)};
};

TEST_F(Client, BelievesForAWhileWhatItHasSeen) {
  const NodeId file = *fs_.Create(kOther, kRoot, "f", 0644);
  EXPECT_EQ(client_.Look(file)->attrs.size_bytes, 0);
  EXPECT_EQ(client_.NamesIn(kRoot)->size(), 1u);
  ASSERT_TRUE(fs_.Truncate(kOther, kRoot, "f", 9).ok());
  fs_.Create(kOther, kRoot, "g", 0644).value();
  EXPECT_EQ(client_.Look(file)->attrs.size_bytes, 0);
  EXPECT_EQ(client_.NamesIn(kRoot)->size(), 1u);
  EXPECT_FALSE(client_.Find(kRoot, "g"));
  world_.RunFor(Seconds(6));
  EXPECT_EQ(client_.Look(file)->attrs.size_bytes, 9);
  EXPECT_TRUE(client_.Find(kRoot, "g"));
}

TEST_F(Client, BelievesForLongerWhatDoesNotChange) {
  const NodeId file = *fs_.Create(kOther, kRoot, "f", 0644);
  client_.Look(file);
  world_.RunFor(Seconds(3));
  client_.Look(file);  // The same as before: for 6 s now.
  ASSERT_TRUE(fs_.Truncate(kOther, kRoot, "f", 9).ok());
  world_.RunFor(Seconds(5));
  EXPECT_EQ(client_.Look(file)->attrs.size_bytes, 0);
  world_.RunFor(Seconds(1));
  EXPECT_EQ(client_.Look(file)->attrs.size_bytes, 9);
}

TEST_F(Client, KnowsAtOnceWhatItDoesItself) {
  EXPECT_TRUE(client_.NamesIn(kRoot)->empty());
  const NodeId file = *fs_.Create(kMe, kRoot, "f", 0644);
  EXPECT_EQ(client_.Find(kRoot, "f"), file);
  client_.Look(file);
  ASSERT_TRUE(fs_.Truncate(kMe, kRoot, "f", 9).ok());
  EXPECT_EQ(client_.Look(file)->attrs.size_bytes, 9);
  ASSERT_TRUE(fs_.Unlink(kMe, kRoot, "f").ok());
  EXPECT_FALSE(client_.Find(kRoot, "f"));
}

TEST_F(Client, AsksWhenADirectoryIsOpened) {
  NfsClient fresh(world_, fs_, Caching(true));
  EXPECT_TRUE(fresh.NamesIn(kRoot)->empty());
  fs_.Create(kOther, kRoot, "f", 0644).value();
  EXPECT_TRUE(fresh.NamesIn(kRoot)->empty());
  fresh.OpenDirectory(kRoot);
  EXPECT_EQ(fresh.NamesIn(kRoot)->size(), 1u);
}

TEST_F(Client, ADeletedFileThatIsOpenHereGetsASillyName) {
  fs_.Create(kMe, kRoot, "f", 0644).value();
  const OpenId open = *fs_.Open(kRoot, "f", kMe);
  ASSERT_TRUE(fs_.Unlink(kMe, kRoot, "f").ok());
  ASSERT_EQ(fs_.NamesIn(kRoot).size(), 1u);
  const std::string silly = fs_.NamesIn(kRoot).front();
  EXPECT_TRUE(IsSillyName(silly));
  EXPECT_FALSE(fs_.Unlink(kMe, kRoot, silly).ok());
  fs_.Close(kMe, open);
  EXPECT_TRUE(fs_.NamesIn(kRoot).empty());
}

TEST_F(Client, WhatAnotherHostHoldsOpenIsGone) {
  fs_.Create(kMe, kRoot, "f", 0644).value();
  const OpenId open = *fs_.Open(kRoot, "f", kOther);
  ASSERT_TRUE(fs_.Unlink(kMe, kRoot, "f").ok());
  EXPECT_TRUE(fs_.NamesIn(kRoot).empty());
  fs_.Close(kOther, open);
}

}  // namespace
}  // namespace fustor::sim
