#include "adapters/posix/files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <future>

#include "adapters/posix/account_names.h"
#include "adapters/posix/process.h"
#include "adapters/posix/random.h"
#include "adapters/posix/temp_tree.h"

namespace fustor::posix {
namespace {

TEST(Files, WhatIsWrittenIsReadBack) {
  const TempTree temp;
  const auto files = OpenFiles();
  const std::string path = temp.At("/key");
  EXPECT_EQ(files->Read(path, 100).status().code(), Code::kNotFound);
  ASSERT_TRUE(files->WriteAtomically(path, "first", 0600).ok());
  const std::string second(200'000, 's');
  ASSERT_TRUE(files->WriteAtomically(path, second, 0640).ok());
  EXPECT_EQ(files->Read(path, 200'000).value_or(""), second);
  EXPECT_EQ(files->Read(path, 199'999).status().code(), Code::kInvalidArgument);
  struct stat st{};
  ASSERT_EQ(stat(path.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777u, 0640u);
  EXPECT_EQ(files->List(temp.path()).value_or({}), std::vector<std::string>{"key"});
  ASSERT_TRUE(files->Remove(path).ok());
  EXPECT_EQ(files->Remove(path).status().code(), Code::kNotFound);
}

TEST(Files, RefusesWhatIsNoFile) {
  const TempTree temp;
  temp.MakeDir("/dir");
  ASSERT_EQ(mkfifo(temp.At("/fifo").c_str(), 0600), 0);
  const auto files = OpenFiles();
  EXPECT_EQ(files->Read(temp.At("/dir"), 10).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(files->Read(temp.At("/fifo"), 10).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(files->WriteAtomically(temp.At("/none/file"), "x", 0600).status().code(),
            Code::kNotFound);
  EXPECT_FALSE(files->WriteAtomically(temp.At("/dir"), "x", 0600).ok());
  EXPECT_EQ(files->WriteAtomically(temp.At("/"), "x", 0600).status().code(),
            Code::kInvalidArgument);
  EXPECT_EQ(files->Remove(temp.At("/dir")).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(files->List(temp.At("/none")).status().code(), Code::kNotFound);
  // A failed write leaves nothing behind.
  EXPECT_TRUE(files->List(temp.path()).value_or({"?"}).empty());
}

TEST(Files, LeftoversOfACrashAreNotShownAndRemovedByTheNextWrite) {
  const TempTree temp;
  const auto files = OpenFiles();
  temp.Write("/.key.tmp-999999999-1");
  const std::string alive = "/.key.tmp-" + std::to_string(getppid()) + "-1";
  temp.Write(alive);
  EXPECT_TRUE(files->List(temp.path()).value_or({"?"}).empty());
  ASSERT_TRUE(files->WriteAtomically(temp.At("/key"), "x", 0600).ok());
  EXPECT_NE(access(temp.At("/.key.tmp-999999999-1").c_str(), F_OK), 0);
  EXPECT_EQ(access(temp.At(alive).c_str(), F_OK), 0);
}

TEST(Files, MakesDirectoriesAllTheWay) {
  const TempTree temp;
  const auto files = OpenFiles();
  EXPECT_TRUE(files->MakeDirectories(temp.At("/a/b//c/"), 0700).ok());
  EXPECT_TRUE(files->MakeDirectories(temp.At("/a/b/c"), 0700).ok());
  temp.Write("/a/file");
  EXPECT_EQ(files->MakeDirectories(temp.At("/a/file"), 0700).status().code(),
            Code::kFailedPrecondition);
  EXPECT_EQ(files->MakeDirectories(temp.At("/a/file/x"), 0700).status().code(),
            Code::kFailedPrecondition);
  ASSERT_TRUE(files->WriteAtomically(temp.At("/a/b/c/file"), "x", 0600).ok());
}

TEST(Random, DoesNotRepeat) {
  EXPECT_NE(SystemRandom().Hex(16), SystemRandom().Hex(16));
  EXPECT_EQ(SystemRandom().Hex(16).size(), 32u);
  std::vector<std::byte> large(1'000'000);
  SystemRandom().Fill(large);
  EXPECT_GT(
      std::count_if(large.begin(), large.end(), [](std::byte b) { return b != std::byte{0}; }),
      990'000);
}

TEST(Process, SignalsBecomeCalls) {
  for (int round = 0; round < 3; ++round) {
    std::vector<ProcessSignal> seen;
    std::promise<void> all;
    auto started = SignalThread::Start([&](ProcessSignal signal) {
      seen.push_back(signal);
      if (seen.size() == 3) all.set_value();
    });
    ASSERT_TRUE(started.ok());
    for (const int signal : {SIGHUP, SIGINT, SIGTERM}) kill(getpid(), signal);
    all.get_future().get();
    started->reset();
    std::sort(seen.begin(), seen.end());
    EXPECT_EQ(seen,
              (std::vector<ProcessSignal>{ProcessSignal::kTerminate, ProcessSignal::kInterrupt,
                                          ProcessSignal::kHangUp}));
  }
}

TEST(Process, KnowsItsSurroundings) {
  const Result<std::uint64_t> files = RaiseOpenFilesLimit();
  ASSERT_TRUE(files.ok());
  EXPECT_GE(*files, 256u);
  EXPECT_FALSE(HostName().empty());
  const Fd null(open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(IsTerminal(null.get()));
  EXPECT_EQ(TerminalWidth(null.get()), std::nullopt);
}

TEST(AccountNames, AreThoseOfTheSystem) {
  AccountNames names;
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(names.User(0), "root");
    EXPECT_EQ(names.Group(0), "root");
    EXPECT_EQ(names.User(3'999'999'999), std::nullopt);
    EXPECT_EQ(names.Group(3'999'999'999), std::nullopt);
  }
}

}  // namespace
}  // namespace fustor::posix
