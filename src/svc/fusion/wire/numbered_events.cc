#include <algorithm>
#include <utility>

#include "base/path.h"
#include "svc/fusion/wire/event_parts.h"

namespace fustor::fusion {
namespace {

using batch::Change;
using batch::DirBlock;
using batch::Source;
using json::Tape;

constexpr std::uint64_t kPartsMax = 10'000;

bool ReadCount(Tape::Node node, std::string_view key, std::uint64_t max, std::uint64_t* out,
               BadField* bad) {
  const bool valid = node.kind() == Tape::Kind::kInt && node.Int() >= 0 &&
                     static_cast<std::uint64_t>(node.Int()) <= max;
  if (valid) {
    *out = static_cast<std::uint64_t>(node.Int());
  } else {
    *bad = {"batch." + std::string(key), "must be a whole number from 0"};
  }
  return valid;
}

// One member of the head of a numbered batch. False: *bad says why.
bool ReadHeadMember(std::string_view key, Tape::Node value, batch::Batch* to, PushedEvents* pushed,
                    BadField* bad) {
  std::uint64_t number = 0;
  if (key == "sequence") return ReadCount(value, key, INT64_MAX, &to->sequence, bad);
  if (key == "scan_id") return ReadCount(value, key, INT64_MAX, &to->scan_id, bad);
  if (key == "part" || key == "parts") {
    if (!ReadCount(value, key, kPartsMax, &number, bad)) return false;
    (key == "part" ? pushed->part.part : pushed->part.parts) = static_cast<std::uint32_t>(number);
  } else if (key == "continues" && value.kind() == Tape::Kind::kBool) {
    pushed->part.continues = value.Bool();
  } else if (key == "mark") {
    if (!ReadCount(value, key, static_cast<std::uint64_t>(batch::ScanMark::kEnd), &number, bad)) {
      return false;
    }
    to->mark = static_cast<batch::ScanMark>(number);
  } else if (key == "index" && value.kind() == Tape::Kind::kInt) {
    to->index_ms = value.Int();
  } else if (key == "full_every" && value.kind() == Tape::Kind::kInt) {
    to->full_every =
        static_cast<std::uint32_t>(std::clamp<std::int64_t>(value.Int(), 0, 1'000'000));
  } else if (key == "begun_ago_ms" && value.kind() == Tape::Kind::kInt) {
    to->begun_ago_ms = std::clamp<std::int64_t>(value.Int(), 0, batch::kBegunAgoMaxMs);
  } else if (key == "lost_events" && value.kind() == Tape::Kind::kBool) {
    to->lost_events = value.Bool();
  } else if (key == "shallow" && value.kind() == Tape::Kind::kBool) {
    to->shallow = value.Bool();
  } else if (key == "source") {
    const std::optional<Source> source =
        value.is_string() ? SourceOf(value.String()) : std::nullopt;
    if (!source) {
      *bad = {"batch.source", "must be realtime, snapshot, audit or on_demand_job"};
      return false;
    }
    to->source = *source;
  } else if (key == "scan_path" && !value.is_null()) {
    if (!value.is_string() || !IsNormalViewPath(value.String())) {
      *bad = {"batch.scan_path", "must be a path"};
      return false;
    }
    to->scan_path = value.String();
  }
  return true;
}

bool ReadHead(Tape::Node head, batch::Batch* to, PushedEvents* pushed, BadField* bad) {
  bool valid = head.is_object();
  if (!valid) *bad = {"batch", "must be an object"};
  head.ForEachMember([&](std::string_view key, Tape::Node value) {
    valid = valid && ReadHeadMember(key, value, to, pushed, bad);
  });
  if (!valid) return false;
  if (to->sequence == 0 || pushed->part.part >= pushed->part.parts ||
      (to->mark == batch::ScanMark::kBegin && to->scan_path.empty())) {
    *bad = {"batch", "needs a sequence from 1, a part below parts, and a scan_path to begin with"};
    return false;
  }
  pushed->numbered = true;
  return true;
}

// {"event_type":"listing","path","complete","failed","silent","exempt":[],"fields","self","rows"}
class ListingReader {
 public:
  explicit ListingReader(PushedEvents* pushed) : pushed_(pushed) {}

  // False: there is no path to put it at.
  bool Read(Tape::Node event, const Event& head, batch::Batch* to) {
    DirBlock block;
    std::optional<Tape::Node> self;
    event.ForEachMember([&](std::string_view key, Tape::Node value) {
      if (key == "path" && value.is_string()) block.path = value.String();
      if (key == "self" && !value.is_null()) self = value;
      if (key == "complete") block.complete = IsTrue(value);
      if (key == "failed") block.failed = IsTrue(value);
      if (key == "silent") block.silent = IsTrue(value);
      if (key == "unwatched") block.unwatched = IsTrue(value);
      if (key == "exempt") TakeExempt(value, &block);
    });
    if (!IsNormalViewPath(block.path)) return false;
    // Nothing may be concluded from what was not looked at.
    if (block.silent || block.failed) block.complete = false;
    if (self) {
      PushedRow row;
      if (!ReadPushedRow(*self, head.fields, &row) || !row.attrs.is_directory()) return false;
      block.self = row.attrs;
    }
    if (head.rows) {
      head.rows->ForEachItem([&](Tape::Node row) { TakeChild(row, head.fields, &block); });
    }
    SortStrictly(&block.rows);
    to->blocks.push_back(std::move(block));
    return true;
  }

 private:
  static bool IsTrue(Tape::Node node) { return node.kind() == Tape::Kind::kBool && node.Bool(); }
  void TakeExempt(Tape::Node list, DirBlock* block) {
    list.ForEachItem([&](Tape::Node name) {
      if (name.is_string() && IsName(name.String())) {
        block->exempt.emplace_back(name.String());
      } else {
        block->complete = false;
        ++pushed_->rejected;
      }
    });
  }
  void TakeChild(Tape::Node node, const std::vector<RowField>& fields, DirBlock* block) {
    PushedRow row;
    if (ReadPushedRow(node, fields, &row) && IsName(row.name)) {
      block->rows.Append(row.name, row.attrs, row.target);
      ++pushed_->rows;
    } else {
      block->complete = false;  // What is missing may exist.
      ++pushed_->rejected;
    }
  }

  PushedEvents* pushed_;
};

void ReadNumberedEvent(Tape::Node node, batch::Batch* to, PushedEvents* pushed) {
  Event event;
  node.ForEachMember(
      [&](std::string_view key, Tape::Node value) { ReadEventMember(key, value, &event); });
  if (event.type == "listing") {
    if (!ListingReader(pushed).Read(node, event, to)) ++pushed->rejected;
    return;
  }
  const std::optional<Change::Kind> kind = ChangeKindOf(event.type);
  if (!kind || !event.rows || to->source != Source::kRealtime) {
    ++pushed->rejected;
    return;
  }
  event.rows->ForEachItem([&](Tape::Node each) {
    PushedRow row;
    const bool taken = ReadPushedRow(each, event.fields, &row) && TakeChange(*kind, row, to);
    ++(taken ? pushed->rows : pushed->rejected);
  });
}

}  // namespace

bool DecodeNumbered(Tape::Node head, std::optional<Tape::Node> events, const PushLimits& limits,
                    PushedEvents* pushed, BadField* bad) {
  batch::Batch batch;
  if (!ReadHead(head, &batch, pushed, bad)) return false;
  if (events) {
    events->ForEachItem([&](Tape::Node event) {
      ++pushed->events;
      if (pushed->events <= limits.events_max && pushed->rows <= limits.rows_max) {
        ReadNumberedEvent(event, &batch, pushed);
      }
    });
  }
  if (pushed->events > limits.events_max || pushed->rows > limits.rows_max) {
    *bad = {"events", "too many rows or events"};
    return false;
  }
  batch.job_id = pushed->job_id;
  batch.job_error = pushed->job_error;
  pushed->batches.push_back(std::move(batch));
  return true;
}

}  // namespace fustor::fusion
