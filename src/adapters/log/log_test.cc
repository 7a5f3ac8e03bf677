#include "adapters/log/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#include "adapters/json/parse.h"
#include "adapters/log/line.h"
#include "base/prng.h"

namespace fustor::log {
namespace {

constexpr WallTime kNoon{1'795'262'401'123'000'000};  // 2026-11-21T12:00:01.123Z

class StillClock final : public env::Clock {
 public:
  Instant Now() const override { return {0}; }
  WallTime WallNow() const override { return kNoon; }
};

class LogTest : public testing::Test {
 protected:
  void SetUp() override {
    setenv("TZ", "UTC", 1);
    tzset();
    std::string pattern = testing::TempDir() + "log.XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    file_ = folder_ + "/x.log";
  }
  void TearDown() override {
    for (const char* name : {"/x.log", "/x.log.1", "/pipe"}) unlink((folder_ + name).c_str());
    rmdir(folder_.c_str());
  }
  std::string Content(const std::string& file) const {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
  }

  StillClock clock_;
  std::string folder_;
  std::string file_;
};

TEST_F(LogTest, TextIsForPeople) {
  const auto line = [](std::string_view value) {
    return FormatLine(LineStyle::kText, kNoon, LogLevel::kInfo, "agent", "scan finished",
                      {{"entries", 123}, {"ratio", 0.5}, {"whole", true}, {"path", value}});
  };
  const std::string start =
      "12:00:01.123 INFO  agent: scan finished entries=123 ratio=0.5 whole=true path=";
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"/a/b", "/a/b"},
      {"", "\"\""},
      {"a b", "\"a b\""},
      {"a=b", "\"a=b\""},
      {"caf\xc3\xa9", "caf\xc3\xa9"},
      {"\x1b[31m\n", "\"\\u001b[31m\\n\""},
      {"\xff", "\"\\udcff\""},
      {"\xc2\x9b", "\\u009b"},
  };
  for (const auto& [value, want] : cases) EXPECT_EQ(line(value), start + std::string(want) + "\n");
}

TEST_F(LogTest, ColoursAreAroundTheLevelAndTheNames) {
  EXPECT_EQ(FormatLine(LineStyle::kColor, kNoon, LogLevel::kError, "a", "s", {{"n", 1}}),
            "12:00:01.123 \x1b[31mERROR\x1b[0m a: s \x1b[2mn=\x1b[0m1\n");
}

TEST_F(LogTest, JsonIsForPrograms) {
  EXPECT_EQ(FormatLine(LineStyle::kJson, kNoon, LogLevel::kWarn, "fusion", "view rebuilt",
                       {{"view", "a\n\xff"}, {"rows", 7u}, {"delta", -7}, {"ok", false}}),
            "{\"time\":\"2026-11-21T12:00:01.123Z\",\"level\":\"warn\",\"component\":\"fusion\","
            "\"message\":\"view rebuilt\",\"view\":\"a\\n\\udcff\",\"rows\":7,\"delta\":-7,"
            "\"ok\":false}\n");
}

TEST_F(LogTest, LongLinesAreCutAndStayWhole) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    std::string value;
    for (std::uint64_t n = random.Below(3'000); n > 0; --n) {
      value += random.Chance(1, 2) ? "\xe2\x82\xac" : random.Chance(1, 9) ? "\x01" : "y";
    }
    for (const LineStyle style : {LineStyle::kJson, LineStyle::kText, LineStyle::kColor}) {
      const std::string line =
          FormatLine(style, kNoon, LogLevel::kInfo, "c", "s",
                     {{"a", value}, {"b", value}, {"c", value}, {"d", value}, {"e", value}});
      EXPECT_LE(line.size(), kLineBytesMax);
      EXPECT_EQ(line.find('\n'), line.size() - 1);
      EXPECT_EQ(line.find("\\udc"), std::string::npos) << "a character was cut in two";
      if (style == LineStyle::kJson) EXPECT_TRUE(json::Parse(line).ok()) << line;
    }
  }
}

TEST_F(LogTest, WritesToTheFileFromItsLevelOn) {
  const auto log = Open({.file = file_}, clock_).value();
  const Logger logger(*log, "agent");
  logger.Debug("not shown");
  logger.Info("shown", {{"n", 1}});
  log->SetLevel(LogLevel::kDebug);
  logger.Debug("shown now");
  log->SetLevel(LogLevel::kError);
  logger.Warn("not shown");
  const std::string text = Content(file_);
  EXPECT_EQ(std::ranges::count(text, '\n'), 2);
  EXPECT_NE(text.find(R"("message":"shown","n":1})"), std::string::npos) << text;
  EXPECT_NE(text.find("shown now"), std::string::npos);
  struct stat attributes{};
  ASSERT_EQ(stat(file_.c_str(), &attributes), 0);
  EXPECT_EQ(attributes.st_mode & 0137u, 0u);
}

TEST_F(LogTest, ReopensAfterRotation) {
  const auto log = Open({.file = file_}, clock_).value();
  const Logger logger(*log, "agent");
  logger.Info("before");
  ASSERT_EQ(rename(file_.c_str(), (file_ + ".1").c_str()), 0);
  logger.Info("between");
  ASSERT_TRUE(log->Reopen().ok());
  logger.Info("after");
  EXPECT_NE(Content(file_ + ".1").find("between"), std::string::npos);
  EXPECT_NE(Content(file_).find("after"), std::string::npos);
  EXPECT_EQ(Content(file_).find("between"), std::string::npos);
}

TEST_F(LogTest, AFileThatCannotBeOpenedIsAnError) {
  const auto log = Open({.file = folder_ + "/nope/x.log"}, clock_);
  EXPECT_EQ(log.status().code(), Code::kNotFound);
  EXPECT_EQ(log.status().message(),
            "log file " + folder_ + "/nope/x.log: No such file or directory");
}

TEST_F(LogTest, LinesOfManyThreadsDoNotMix) {
  const auto log = Open({.file = file_}, clock_).value();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&log, t] {
      const Logger logger(*log, "t" + std::to_string(t));
      for (int i = 0; i < 500; ++i) logger.Info("line", {{"pad", std::string(200, 'x')}});
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::istringstream text(Content(file_));
  std::size_t lines = 0;
  for (std::string line; std::getline(text, line); ++lines) {
    ASSERT_TRUE(json::Parse(line).ok()) << line;
  }
  EXPECT_EQ(lines, 2'000u);
}

TEST_F(LogTest, AReaderThatDoesNotReadCostsLinesNotTime) {
  const std::string pipe = folder_ + "/pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  const int reader = open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  const auto log = Open({.file = pipe}, clock_).value();
  const Logger logger(*log, "agent");
  for (int i = 0; i < 1'000; ++i) logger.Info("line", {{"pad", std::string(900, 'x')}});
  const std::uint64_t dropped = log->dropped();
  EXPECT_GT(dropped, 900u);
  std::string read;
  std::vector<char> buffer(1 << 16);
  const auto drain = [&] {
    for (ssize_t n = 0; (n = ::read(reader, buffer.data(), buffer.size())) > 0;) {
      read.append(buffer.data(), static_cast<std::size_t>(n));
    }
  };
  drain();
  logger.Info("again");
  drain();
  close(reader);
  EXPECT_NE(read.find("\"message\":\"log lines were dropped\",\"lines\":" +
                      std::to_string(dropped) + "}"),
            std::string::npos);
  EXPECT_NE(read.find("again"), std::string::npos);
  EXPECT_EQ(log->dropped(), dropped);
}

}  // namespace
}  // namespace fustor::log
