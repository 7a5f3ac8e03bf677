#include "svc/client/wire/events.h"

#include <utility>

namespace fustor::client {

void EventStreamParser::Restart() {
  line_.clear();
  event_ = StreamEvent();
  has_data_ = false;
  id_ = last_id_;
}

Status EventStreamParser::Add(std::string_view piece,
                              const std::function<bool(const StreamEvent&)>& take) {
  while (!piece.empty()) {
    const std::size_t end = piece.find('\n');
    if (line_.size() + event_.data.size() + std::min(end, piece.size()) > kEventBytesMax) {
      return Status(Code::kResourceExhausted, "an event is too large");
    }
    if (end == std::string_view::npos) {
      line_ += piece;
      return {};
    }
    line_ += piece.substr(0, end);
    piece.remove_prefix(end + 1);
    if (line_.ends_with('\r')) line_.pop_back();
    const std::string line = std::exchange(line_, std::string());
    if (!TakeLine(line, take)) return {};
  }
  return {};
}

bool EventStreamParser::TakeLine(std::string_view line,
                                 const std::function<bool(const StreamEvent&)>& take) {
  if (line.empty()) {
    StreamEvent event = std::exchange(event_, StreamEvent());
    last_id_ = id_;
    if (!std::exchange(has_data_, false)) return true;
    if (event.type.empty()) event.type = "message";
    return take(event);
  }
  const std::size_t colon = line.find(':');
  const std::string_view field = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "event") {
    event_.type = value;
  } else if (field == "data") {
    if (has_data_) event_.data += '\n';
    event_.data += value;
    has_data_ = true;
  } else if (field == "id") {
    id_ = value;
    event_.has_id = true;
  }
  return true;
}

}  // namespace fustor::client
