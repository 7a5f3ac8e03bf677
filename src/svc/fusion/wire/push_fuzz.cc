// Feeds arbitrary bytes to what reads the bodies that agents post as JSON.
#include <cstdint>
#include <string>
#include <string_view>

#include "adapters/json/parse.h"
#include "adapters/json/tape.h"
#include "base/check.h"
#include "svc/agent/wire/json_report.h"
#include "svc/fusion/wire/batch_check_testing.h"
#include "svc/fusion/wire/event_parts.h"
#include "svc/fusion/wire/pushed_events.h"

namespace fustor::fusion {
namespace {

using json::Tape;

constexpr PushLimits kLimits{.rows_max = 5000, .events_max = 500};

bool Decode(std::string_view body, Tape* tape, PushedEvents* pushed) {
  static const auto parser = json::MakeTapeParser();
  if (!parser->Parse(body, tape).ok()) return false;
  BadField bad;
  if (DecodePushedEvents(*tape, kLimits, pushed, &bad)) return true;
  FUSTOR_CHECK(!bad.text.empty(), "refused without a reason");
  FUSTOR_CHECK(json::Parse(BadFieldJson(bad)).ok());
  return false;
}

// Rows that must be taken or counted; an event that makes no sense counts as one.
std::uint64_t RowsTold(const Tape& tape, const PushedEvents& pushed) {
  std::optional<Tape::Node> events;
  tape.root().ForEachMember([&](std::string_view key, Tape::Node value) {
    if (key == "events") events = value;
  });
  std::uint64_t told = 0;
  const auto usual = SourceOf(pushed.source_type).value_or(batch::Source::kRealtime);
  const auto add = [&](Tape::Node node) {
    Event event;
    node.ForEachMember(
        [&](std::string_view key, Tape::Node value) { ReadEventMember(key, value, &event); });
    const auto kind = ChangeKindOf(event.type);
    const bool usable = event.rows && kind &&
                        (event.source.value_or(usual) == batch::Source::kRealtime ||
                         kind == batch::Change::Kind::kUpsert);
    std::uint64_t rows = 0;
    if (usable) event.rows->ForEachItem([&](Tape::Node) { ++rows; });
    told += usable ? rows : 1;
  };
  if (events) events->ForEachItem(add);
  return told;
}

// As an agent of ours would have posted it, in parts.
void CheckNumbered(batch::Batch batch) {
  batch.sequence = 1;
  if (batch.job_id.empty()) batch.job_error.clear();  // Of no job.
  const agent::NumberedReport report(batch, 600);
  NumberedBatches inbox;
  std::vector<batch::Batch> taken;
  for (std::size_t part = 0; part < report.parts(); ++part) {
    Tape tape;
    PushedEvents pushed;
    FUSTOR_CHECK(Decode(report.Part(part), &tape, &pushed) && pushed.numbered);
    FUSTOR_CHECK(pushed.rejected == 0 && pushed.batches.size() == 1);
    auto whole = inbox.Take(std::move(pushed.batches[0]), pushed.part);
    FUSTOR_CHECK(whole.ok());
    for (batch::Batch& each : *whole) taken.push_back(std::move(each));
  }
  FUSTOR_CHECK(taken.size() == 1);
  const std::string_view difference = Difference(taken[0], batch);
  FUSTOR_CHECK(difference.empty(), difference);
}

void Check(std::string_view bytes) {
  Tape tape;
  PushedEvents pushed;
  if (!Decode(bytes, &tape, &pushed)) return;
  std::uint64_t rows = 0;
  for (const batch::Batch& batch : pushed.batches) {
    CheckBatch(batch);
    rows += batch.changes.size();
    for (const batch::DirBlock& block : batch.blocks) rows += block.rows.size();
  }
  FUSTOR_CHECK(rows <= pushed.rows);
  if (pushed.numbered) {
    FUSTOR_CHECK(pushed.batches.size() == 1);
    CheckNumbered(pushed.batches[0]);
  } else {
    FUSTOR_CHECK(pushed.rows + pushed.rejected == RowsTold(tape, pushed), "a row got lost");
    for (const batch::Batch& batch : pushed.batches) FUSTOR_CHECK(batch.row_count() > 0);
  }
}

}  // namespace
}  // namespace fustor::fusion

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fustor::fusion::Check(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
