#include "adapters/posix/file_streams.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "adapters/posix/files.h"
#include "adapters/posix/temp_tree.h"

namespace fustor::posix {
namespace {

std::string ReadAll(env::FileStreams& streams, const std::string& path) {
  const auto source = streams.Open(path).value();
  std::string all;
  for (;;) {
    const std::string piece = source->Read(1'000'000).value();
    if (piece.empty()) return all;
    all += piece;
  }
}

TEST(FileStreams, NothingIsSeenBeforeItIsCommitted) {
  const TempTree temp;
  const auto files = OpenFiles();
  const auto streams = OpenFileStreams();
  const std::string path = temp.At("/big");
  auto sink = streams->Create(path, 0600).value();
  std::string all;
  for (int i = 0; i < 40; ++i) {
    const std::string piece(1 << 20, static_cast<char>('a' + i % 26));
    ASSERT_TRUE(sink->Append(piece).ok());
    all += piece;
  }
  EXPECT_TRUE(files->List(temp.path()).value().empty());
  ASSERT_TRUE(sink->Commit().ok());
  sink.reset();
  EXPECT_EQ(ReadAll(*streams, path), all);
  struct stat st{};
  ASSERT_EQ(stat(path.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777u, 0600u);
}

TEST(FileStreams, WhatIsGivenUpLeavesTheOldOne) {
  const TempTree temp;
  temp.Write("/f", "old");
  const auto streams = OpenFileStreams();
  auto sink = streams->Create(temp.At("/f"), 0600).value();
  ASSERT_TRUE(sink->Append("new").ok());
  sink.reset();
  EXPECT_EQ(ReadAll(*streams, temp.At("/f")), "old");
  EXPECT_EQ(OpenFiles()->List(temp.path()).value(), std::vector<std::string>{"f"});
  EXPECT_NE(rmdir(temp.path().c_str()), 0);
}

TEST(FileStreams, AFullDiskIsAnError) {
  const TempTree temp;
  const auto streams = OpenFileStreams();
  // As a quota would.
  struct rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old = std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit limit = before;
  limit.rlim_cur = 1 << 20;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  auto sink = streams->Create(temp.At("/f"), 0600).value();
  const Result<void> written = sink->Append(std::string(2 << 20, 'x'));
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, old);
  EXPECT_FALSE(written.ok());
  sink.reset();
  EXPECT_TRUE(OpenFiles()->List(temp.path()).value().empty());
}

TEST(FileStreams, RefusesWhatIsNoFile) {
  const TempTree temp;
  temp.MakeDir("/dir");
  ASSERT_EQ(mkfifo(temp.At("/fifo").c_str(), 0600), 0);
  const auto streams = OpenFileStreams();
  EXPECT_EQ(streams->Open(temp.At("/none")).status().code(), Code::kNotFound);
  EXPECT_EQ(streams->Open(temp.At("/dir")).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(streams->Open(temp.At("/fifo")).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(streams->Create(temp.At("/none/f"), 0600).status().code(), Code::kNotFound);
  EXPECT_EQ(streams->Create(temp.At("/dir/"), 0600).status().code(), Code::kInvalidArgument);
}

TEST(FileStreams, LeftoversOfACrashGo) {
  const TempTree temp;
  temp.Write("/.old.tmp-999999999-1", "x");
  temp.Write("/.alive.tmp-" + std::to_string(getppid()) + "-1", "x");
  const auto streams = OpenFileStreams();
  ASSERT_TRUE(streams->Create(temp.At("/f"), 0600).ok());
  struct stat st{};
  EXPECT_NE(stat(temp.At("/.old.tmp-999999999-1").c_str(), &st), 0);
  EXPECT_EQ(stat(temp.At("/.alive.tmp-" + std::to_string(getppid()) + "-1").c_str(), &st), 0);
}

TEST(FileStreams, InTheBackground) {
  std::thread([] {
    RunInBackground();
    EXPECT_EQ(getpriority(PRIO_PROCESS, static_cast<id_t>(gettid())), 10);
  }).join();
}

}  // namespace
}  // namespace fustor::posix
