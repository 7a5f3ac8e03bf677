#include "adapters/posix/lock_file.h"

#include <gtest/gtest.h>

#include <optional>

#include "adapters/posix/temp_tree.h"

namespace fustor::posix {
namespace {

TEST(LockFile, OneHolderAtATime) {
  const TempTree tree;
  const std::string path = tree.path() + "/lock";
  std::optional<Result<LockFile>> first(LockFile::Take(path));
  ASSERT_TRUE(first->ok()) << first->status().ToString();
  EXPECT_EQ(LockFile::Take(path).status().code(), Code::kAlreadyExists);
  first.reset();
  EXPECT_TRUE(LockFile::Take(path).ok());
  EXPECT_EQ(LockFile::Take(tree.path() + "/missing/lock").status().code(), Code::kNotFound);
}

}  // namespace
}  // namespace fustor::posix
