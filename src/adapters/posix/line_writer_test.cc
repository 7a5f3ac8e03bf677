#include "adapters/posix/line_writer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <future>

#include "adapters/posix/files.h"
#include "adapters/posix/temp_tree.h"

namespace fustor::posix {
namespace {

Status WriteAndWait(LineWriter& writer, std::string text) {
  std::promise<Status> promise;
  writer.Write(std::move(text),
               [&promise](Status status) { promise.set_value(std::move(status)); });
  return promise.get_future().get();
}

TEST(LineWriter, AppendsToAFile) {
  const TempTree folder;
  const std::string file = folder.path() + "/out.ndjson";
  const std::string big(100'000, 'x');
  for (int round = 0; round < 2; ++round) {
    const std::unique_ptr<LineWriter> writer = AppendLines(file).value();
    EXPECT_TRUE(WriteAndWait(*writer, "one\n").ok());
    EXPECT_TRUE(WriteAndWait(*writer, big + "\n").ok());
  }
  const std::string once = "one\n" + big + "\n";
  EXPECT_EQ(OpenFiles()->Read(file, 1 << 20).value(), once + once);
  EXPECT_FALSE(AppendLines(folder.path() + "/no/where").ok());
}

TEST(LineWriter, AReaderThatStandsStillCanBeGivenUp) {
  const TempTree folder;
  const std::string fifo = folder.path() + "/fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const int reader = ::open(fifo.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  const std::unique_ptr<LineWriter> writer = AppendLines(fifo).value();
  std::promise<Status> promise;
  writer->Write(std::string(10 << 20, 'x'),
                [&promise](Status status) { promise.set_value(std::move(status)); });
  EXPECT_EQ(WriteAndWait(*writer, "more").code(), Code::kResourceExhausted);
  writer->Cancel();
  EXPECT_EQ(promise.get_future().get().code(), Code::kCancelled);
  ::close(reader);
  EXPECT_EQ(WriteAndWait(*writer, "nobody reads").code(), Code::kUnavailable);
}

}  // namespace
}  // namespace fustor::posix
