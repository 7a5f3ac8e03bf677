// events.h: a stream of server-sent events, taken apart.
//
// Pure. Comments are dropped; of the fields event, data and id are kept. An id stays in force until
// the next one; an event without data is none, but its id counts (WHATWG HTML, 9.2.6).
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace fustor::client {

struct StreamEvent {
  std::string type;  // "message" when the stream names none.
  std::string data;
  bool has_id = false;  // It came with an id of its own.
};

class EventStreamParser {
 public:
  static constexpr std::size_t kEventBytesMax = 16 << 20;

  // Calls `take` for each event that is complete now, until it returns false; then what is left of
  // the piece is dropped. Errors: kResourceExhausted (an event over kEventBytesMax).
  Status Add(std::string_view piece, const std::function<bool(const StreamEvent&)>& take);
  // The last id so far; "" when there was none.
  const std::string& last_id() const { return last_id_; }
  // A new connection: what was incomplete is forgotten, the id stays.
  void Restart();

 private:
  bool TakeLine(std::string_view line, const std::function<bool(const StreamEvent&)>& take);

  std::string line_;
  StreamEvent event_;
  bool has_data_ = false;
  std::string id_;       // Of the event that is being read.
  std::string last_id_;  // In force.
};

}  // namespace fustor::client
