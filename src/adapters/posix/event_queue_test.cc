#include "adapters/posix/event_queue.h"

#include <gtest/gtest.h>

#include "adapters/asio/executor.h"

namespace fustor::posix {
namespace {

using env::DirKey;
using env::TreeEvent;
using Kind = env::TreeEvent::Kind;

TreeEvent Event(Kind kind, std::string name, std::uint32_t cookie = 0) {
  TreeEvent event;
  event.kind = kind;
  event.dir = DirKey{1};
  event.name = std::move(name);
  event.cookie = cookie;
  return event;
}

class Queue : public testing::Test {
 protected:
  void Push(std::vector<TreeEvent> events, EventQueue& queue) {
    queue.Push(&events);
    EXPECT_TRUE(events.empty());
  }
  std::vector<TreeEvent> Next(EventQueue& queue) { return asio::BlockOn(*executor_, queue.Next()); }
  std::unique_ptr<asio::ThreadExecutor> executor_ = asio::StartThread("queue");
};

TEST_F(Queue, GivesAllThatIsThereInOrder) {
  EventQueue queue({});
  Push({Event(Kind::kCreated, "a"), Event(Kind::kModified, "a")}, queue);
  Push({Event(Kind::kClosed, "a")}, queue);
  const std::vector<TreeEvent> events = Next(queue);
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].kind, Kind::kCreated);
  EXPECT_EQ(events[2].kind, Kind::kClosed);
}

TEST_F(Queue, RepetitionsAreMergedButMovesAreNot) {
  EventQueue queue({});
  Push({Event(Kind::kModified, "a"), Event(Kind::kModified, "a"), Event(Kind::kModified, "b"),
        Event(Kind::kModified, "a"), Event(Kind::kMoved, "a"), Event(Kind::kMoved, "a"),
        Event(Kind::kMovedIn, "c", 5), Event(Kind::kMovedIn, "c", 5)},
       queue);
  EXPECT_EQ(Next(queue).size(), 7u);
}

TEST_F(Queue, TooMuchBecomesOneOverflowAndThenGoesOn) {
  for (const EventQueue::Limits limits :
       {EventQueue::Limits{.events_max = 3},
        EventQueue::Limits{.bytes_max = 3 * sizeof(TreeEvent) + 40}}) {
    EventQueue queue(limits);
    for (int i = 0; i < 4; ++i) {
      Push({Event(Kind::kCreated, "name-" + std::to_string(i))}, queue);
    }
    const std::vector<TreeEvent> events = Next(queue);
    ASSERT_EQ(events.size(), 2u);
    EXPECT_EQ(events[0].kind, Kind::kOverflow);
    EXPECT_EQ(events[1].name, "name-3");
    EXPECT_EQ(queue.overflows(), 1u);
    Push({Event(Kind::kCreated, "later")}, queue);
    EXPECT_EQ(Next(queue).size(), 1u);
  }
}

TEST_F(Queue, AWaitEndsWithTheFirstEventsOrWithStop) {
  EventQueue queue({});
  std::thread pusher([&] { Push({Event(Kind::kCreated, "a")}, queue); });
  EXPECT_EQ(Next(queue).size(), 1u);
  pusher.join();
  std::thread stopper([&] { queue.Stop(); });
  EXPECT_TRUE(Next(queue).empty());
  stopper.join();
  Push({Event(Kind::kCreated, "late")}, queue);
  EXPECT_TRUE(Next(queue).empty());
}

// One thread pushes while one task takes: nothing is lost, nothing changes places.
TEST_F(Queue, HandsOverUnderLoad) {
  EventQueue queue({});
  constexpr std::uint32_t kCount = 20'000;
  std::thread pusher([&] {
    for (std::uint32_t i = 1; i <= kCount; ++i) Push({Event(Kind::kMovedIn, "x", i)}, queue);
  });
  for (std::uint32_t expected = 1; expected <= kCount;) {
    for (const TreeEvent& event : Next(queue)) ASSERT_EQ(event.cookie, expected++);
  }
  pusher.join();
}

}  // namespace
}  // namespace fustor::posix
