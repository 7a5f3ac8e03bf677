#include "svc/client/wire/events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace fustor::client {
namespace {

using ::testing::ElementsAre;

constexpr std::string_view kStream =
    ": hello\n\nretry: 1000\nevent: start\ndata: {\"a\":1}\nid: 7-a\n\n"
    "event:created\r\ndata: one\r\ndata: two\r\n\r\n: heartbeat\nid: 9-a\n\nid: 10\ndata\n\n"
    "data: not yet";

struct Seen {
  std::vector<std::string> events;
  std::string id;
};

Seen InPieces(std::size_t size) {
  EventStreamParser parser;
  Seen seen;
  for (std::size_t at = 0; at < kStream.size(); at += size) {
    const Status added = parser.Add(kStream.substr(at, size), [&](const StreamEvent& event) {
      seen.events.push_back(event.type + "=" + event.data + "=" +
                            (event.has_id ? parser.last_id() : ""));
      return true;
    });
    EXPECT_TRUE(added.ok());
  }
  seen.id = parser.last_id();
  return seen;
}

TEST(EventStreamParser, TakesEventsApartHoweverTheyAreCut) {
  for (std::size_t size = 1; size <= kStream.size(); ++size) {
    const Seen seen = InPieces(size);
    EXPECT_THAT(seen.events, ElementsAre("start={\"a\":1}=7-a", "created=one\ntwo=", "message==10"))
        << size;
    EXPECT_EQ(seen.id, "10");
  }
}

TEST(EventStreamParser, AnIdCountsWhenItsEventHasEnded) {
  EventStreamParser parser;
  const auto take = [](const StreamEvent&) { return true; };
  ASSERT_TRUE(parser.Add("id: 1\ndata: a\n\nid: 2\ndata: b\n", take).ok());
  EXPECT_EQ(parser.last_id(), "1");
  parser.Restart();
  std::vector<std::string> after;
  const auto keep = [&](const StreamEvent& event) {
    after.push_back(event.data);
    return true;
  };
  ASSERT_TRUE(parser.Add("data: c\n\n", keep).ok());
  EXPECT_THAT(after, ElementsAre("c"));
  EXPECT_EQ(parser.last_id(), "1");
}

TEST(EventStreamParser, StopsWhenAsked) {
  EventStreamParser parser;
  int count = 0;
  const auto once = [&](const StreamEvent&) { return ++count < 1; };
  ASSERT_TRUE(parser.Add("data: a\n\ndata: b\n\n", once).ok());
  EXPECT_EQ(count, 1);
}

TEST(EventStreamParser, RefusesAnEndlessEvent) {
  EventStreamParser parser;
  const auto take = [](const StreamEvent&) { return true; };
  const std::string piece(1 << 20, 'x');
  Status status;
  int pieces = 0;
  for (; pieces < 100 && status.ok(); ++pieces) status = parser.Add(piece, take);
  EXPECT_EQ(status.code(), Code::kResourceExhausted);
  EXPECT_EQ(pieces, 17);
}

}  // namespace
}  // namespace fustor::client
