#include "adapters/posix/console.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>

#include "adapters/posix/fd.h"
#include "adapters/posix/temp_tree.h"

namespace fustor::posix {
namespace {

struct Pipe {
  Pipe() {
    int fds[2];
    EXPECT_EQ(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
    reader = Fd(fds[0]);
    writer = Fd(fds[1]);
  }
  Fd reader, writer;
};

TEST(Console, WritesAllIntoAPipeThatDoesNotBlock) {
  Pipe pipe;
  const std::string sent(1 << 20, 'x');
  std::string got;
  std::thread reader([&] {
    char buffer[4096];
    while (got.size() < sent.size()) {
      const ssize_t n = read(pipe.reader.get(), buffer, sizeof buffer);
      if (n > 0) got.append(buffer, static_cast<std::size_t>(n));
    }
  });
  EXPECT_TRUE(WriteFully(pipe.writer.get(), sent).ok());
  reader.join();
  EXPECT_EQ(got, sent);
}

TEST(Console, SaysThatNobodyReads) {
  IgnoreBrokenPipes();
  Pipe pipe;
  EXPECT_TRUE(HasReader(pipe.writer.get()));
  pipe.reader.Reset();
  EXPECT_FALSE(HasReader(pipe.writer.get()));
  EXPECT_EQ(WriteFully(pipe.writer.get(), "x").code(), Code::kCancelled);
  const Fd full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  EXPECT_EQ(WriteFully(full.get(), "x").code(), Code::kResourceExhausted);
  EXPECT_TRUE(HasReader(full.get()));
  EXPECT_FALSE(WriteFully(-1, "x").ok());
}

TEST(Console, RealPathsHaveNoLinks) {
  const TempTree tree;
  tree.MakeDir("/d");
  tree.Write("/d/f");
  tree.Symlink("d", "/link");
  const std::string root = *RealPath(tree.path());
  EXPECT_EQ(*RealPath(tree.At("/link/../d//f")), root + "/d/f");
  EXPECT_EQ(RealPath(tree.At("/none")).status().code(), Code::kNotFound);
  EXPECT_EQ(RealPath(tree.At("/d/f/.")).status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(WorkingDirectory(), *RealPath("."));
}

}  // namespace
}  // namespace fustor::posix
