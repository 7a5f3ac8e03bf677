// event_parts.h: what the readers of posted events share. Private to svc/fusion/wire.
//
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/entry.h"
#include "lib/batch/batch.h"
#include "lib/json/tape.h"
#include "svc/fusion/wire/pushed_events.h"
#include "svc/fusion/wire/pushed_rows.h"

namespace fustor::fusion {

// One event, as far as it has been read.
struct Event {
  std::string_view type;
  std::optional<batch::Source> source;
  std::int64_t index_ms = -1;
  std::vector<RowField> fields;
  std::optional<json::Tape::Node> rows;
};
void ReadEventMember(std::string_view key, json::Tape::Node value, Event* event);

// Of message_source and source_type; nullopt for other words.
std::optional<batch::Source> SourceOf(std::string_view name);
// Of event_type in realtime; nullopt for other words.
std::optional<batch::Change::Kind> ChangeKindOf(std::string_view type);

// What a directory can hold.
bool IsName(std::string_view name);
// False: the path makes no sense.
bool Normal(std::string_view path, std::string* out);
// False: a path of the row makes no sense.
bool TakeChange(batch::Change::Kind kind, const PushedRow& row, batch::Batch* to);
// Sorts by name; of rows with one name the last stays.
void SortStrictly(EntryList* rows);

// A body with "batch" (pushed_events.h). False: *bad says why.
bool DecodeNumbered(json::Tape::Node head, std::optional<json::Tape::Node> events,
                    const PushLimits& limits, PushedEvents* pushed, BadField* bad);

}  // namespace fustor::fusion
