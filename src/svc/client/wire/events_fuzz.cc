// Feeds arbitrary bytes to what reads Fusion's answers: server-sent events, and JSON.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/json/parse.h"
#include "base/check.h"
#include "svc/client/wire/answers.h"
#include "svc/client/wire/events.h"

namespace fustor::client {
namespace {

struct Heard {
  std::vector<std::string> events;  // Type, NUL, data.
  std::string last_id;
  bool ok = true;
  friend bool operator==(const Heard&, const Heard&) = default;
};

Heard Listen(std::string_view bytes, std::size_t portion) {
  EventStreamParser parser;
  Heard heard;
  while (!bytes.empty() && heard.ok) {
    const std::string_view piece = bytes.substr(0, portion);
    bytes.remove_prefix(piece.size());
    heard.ok = parser
                   .Add(piece,
                        [&](const StreamEvent& event) {
                          heard.events.push_back(event.type + '\0' + event.data);
                          return true;
                        })
                   .ok();
  }
  heard.last_id = parser.last_id();
  return heard;
}

void CheckJson(std::string_view text) {
  Result<json::Value> value = json::Parse(text);
  if (!value.ok()) return;
  (void)DecodeNode(*value);
  (void)DecodeViews(*value);
  (void)DecodeSessions(*value);
  (void)DecodeJob(*value);
  (void)DetailOf(*value);
  const Result<Page> page = DecodePage(*std::move(value));
  if (!page.ok()) return;
  for (const Page::Item& item : page->items) {
    FUSTOR_CHECK(item.json != nullptr && DecodeNode(*item.json).ok());
  }
}

void Check(std::string_view bytes) {
  const Heard whole = Listen(bytes, bytes.size() + 1);
  FUSTOR_CHECK(whole == Listen(bytes, 1) && whole == Listen(bytes, 3));
  for (const std::string& event : whole.events) {
    CheckJson(std::string_view(event).substr(event.find('\0') + 1));
  }
  CheckJson(bytes);
}

}  // namespace
}  // namespace fustor::client

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fustor::client::Check(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
