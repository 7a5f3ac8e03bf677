// Rows per second from the bytes that agents send to entries in the tree, one core, all rules on:
// parse, decode, arbitrate, publish. One million files in ten thousand directories, in JSON as
// agents of the first generation post them (100 rows an event, 100 events a body, names in no
// order), and in columns as ours send them (some 4,000 rows a batch, compressed).

#include <benchmark/benchmark.h>

#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "adapters/json/tape.h"
#include "adapters/zstd/zstd.h"
#include "base/json_writer.h"
#include "base/prng.h"
#include "svc/agent/wire/report.h"
#include "svc/fusion/core/arbiter.h"
#include "svc/fusion/core/pushed_scans.h"
#include "svc/fusion/wire/agents.h"
#include "svc/fusion/wire/pushed_events.h"

namespace fustor::fusion {
namespace {

constexpr std::size_t kDirectories = 10'000;
constexpr std::size_t kFilesPerDirectory = 100;
constexpr std::size_t kRowsPerEvent = 100;
constexpr std::size_t kEventsPerBody = 100;
constexpr double kNowS = 1'700'000'000;
constexpr SessionKey kSession{1};

Now At(std::int64_t seconds) {
  const auto wall = static_cast<std::int64_t>(kNowS) + seconds;
  return {{seconds * 1'000'000'000}, {wall * 1'000'000'000}};
}

void AppendRow(const std::string& directory, const std::string& name, bool is_directory, Prng& prng,
               JsonWriter* json) {
  const double mtime = kNowS - 1000 - static_cast<double>(prng.Below(1'000'000'000)) / 1000;
  json->BeginObject();
  json->Key("path").String(directory + "/" + name).Key("file_name").String(name);
  json->Key("size").Uint(prng.Below(10'000'000)).Key("modified_time").Double(mtime);
  json->Key("created_time").Double(mtime + 0.25).Key("is_directory").Bool(is_directory).EndObject();
}

void BeginEvent(JsonWriter* json) {
  json->BeginObject().Key("event_id").Null().Key("timestamp").Double(kNowS + 0.5);
  json->Key("event_type").String("insert").Key("fields").BeginArray();
  for (const char* field :
       {"path", "file_name", "size", "modified_time", "created_time", "is_directory"}) {
    json->String(field);
  }
  json->EndArray().Key("rows").BeginArray();
}

void EndEvent(JsonWriter* json) {
  json->EndArray().Key("index").Int(1'700'000'000'000).Key("event_schema").String("fs");
  json->Key("table").String("files").Key("message_source").String("snapshot");
  json->Key("metadata").BeginObject().EndObject().EndObject();
}

class Bodies {
 public:
  Bodies() {
    Prng prng(11);
    for (std::size_t d = 0; d < kDirectories; ++d) {
      const std::string parent = "/datasets/set-" + std::to_string(d / 100);
      const std::string name = "shard-" + std::to_string(d);
      Add(parent, name, true, prng);
      std::vector<std::size_t> order(kFilesPerDirectory);
      std::iota(order.begin(), order.end(), 0);
      for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[prng.Below(i)]);
      for (const std::size_t f : order) {
        Add(parent + "/" + name, "sample_" + std::to_string(100'000 + f) + ".parquet", false, prng);
      }
    }
    Close();
  }
  const std::vector<std::string>& texts() const { return texts_; }
  std::size_t rows() const { return rows_; }
  std::size_t bytes() const {
    std::size_t sum = 0;
    for (const std::string& text : texts_) sum += text.size();
    return sum;
  }

 private:
  void Add(const std::string& directory, const std::string& name, bool is_directory, Prng& prng) {
    if (in_event_ == kRowsPerEvent) {
      EndEvent(json_.get());
      in_event_ = 0;
      if (++in_body_ == kEventsPerBody) Close();
    }
    if (json_ == nullptr) {
      text_.clear();
      json_ = std::make_unique<JsonWriter>(&text_);
      json_->BeginObject().Key("session_id").String("0123456789abcdef").Key("events").BeginArray();
    }
    if (in_event_ == 0) BeginEvent(json_.get());
    AppendRow(directory, name, is_directory, prng, json_.get());
    ++in_event_;
    ++rows_;
  }
  void Close() {
    if (json_ == nullptr) return;
    if (in_event_ != 0) EndEvent(json_.get());
    json_->EndArray().Key("source_type").String("snapshot").Key("is_end").Bool(false).EndObject();
    json_.reset();
    texts_.push_back(text_);
    in_event_ = in_body_ = 0;
  }

  std::vector<std::string> texts_;
  std::string text_;
  std::unique_ptr<JsonWriter> json_;
  std::size_t in_event_ = 0;
  std::size_t in_body_ = 0;
  std::size_t rows_ = 0;
};

const Bodies& TheBodies() {
  static const Bodies bodies;
  return bodies;
}

void Report(benchmark::State& state) {
  const auto rows = static_cast<double>(TheBodies().rows());
  state.counters["rows/s"] =
      benchmark::Counter(rows, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["bytes/row"] = static_cast<double>(TheBodies().bytes()) / rows;
}

bool Decode(json::TapeParser& parser, const std::string& text, json::Tape* tape,
            PushedEvents* pushed) {
  BadField bad;
  return parser.Parse(text, tape).ok() && DecodePushedEvents(*tape, {}, pushed, &bad) &&
         pushed->rejected == 0;
}

void BM_Parse(benchmark::State& state) {
  const auto parser = json::MakeTapeParser();
  json::Tape tape;
  for (auto _ : state) {
    for (const std::string& text : TheBodies().texts()) {
      if (!parser->Parse(text, &tape).ok()) state.SkipWithError("not JSON");
    }
  }
  Report(state);
}
BENCHMARK(BM_Parse)->Unit(benchmark::kMillisecond);

void BM_Decode(benchmark::State& state) {
  const auto parser = json::MakeTapeParser();
  json::Tape tape;
  for (auto _ : state) {
    for (const std::string& text : TheBodies().texts()) {
      PushedEvents pushed;
      if (!Decode(*parser, text, &tape, &pushed)) state.SkipWithError("not taken");
    }
  }
  Report(state);
}
BENCHMARK(BM_Decode)->Unit(benchmark::kMillisecond);

void PushAll(benchmark::State& state, json::TapeParser& parser, json::Tape* tape,
             PushedScans* scans, Arbiter* arbiter, tree::Tree* tree) {
  for (const std::string& text : TheBodies().texts()) {
    PushedEvents pushed;
    if (!Decode(parser, text, tape, &pushed)) state.SkipWithError("not taken");
    for (const batch::Batch& batch : scans->Take(std::move(pushed.batches), pushed.ends)) {
      arbiter->Apply(batch, kSession, 1, At(10));
    }
    tree->Publish();
  }
}

// Into an empty tree.
void BM_FirstSnapshot(benchmark::State& state) {
  const auto parser = json::MakeTapeParser();
  json::Tape tape;
  for (auto _ : state) {
    state.PauseTiming();
    auto tree = std::make_unique<tree::Tree>();
    auto arbiter = std::make_unique<Arbiter>(Arbiter::Options(), *tree);
    arbiter->SessionStarted(kSession);
    PushedScans scans;
    state.ResumeTiming();
    PushAll(state, *parser, &tape, &scans, arbiter.get(), tree.get());
    state.PauseTiming();
    if (tree->memory().entries < TheBodies().rows()) state.SkipWithError("rows are missing");
    arbiter.reset();
    tree.reset();
    state.ResumeTiming();
  }
  Report(state);
}
BENCHMARK(BM_FirstSnapshot)->Unit(benchmark::kMillisecond);

// Once more, with nothing changed.
void BM_SameSnapshot(benchmark::State& state) {
  const auto parser = json::MakeTapeParser();
  json::Tape tape;
  tree::Tree tree;
  Arbiter arbiter({}, tree);
  arbiter.SessionStarted(kSession);
  PushedScans scans;
  PushAll(state, *parser, &tape, &scans, &arbiter, &tree);
  for (auto _ : state) PushAll(state, *parser, &tape, &scans, &arbiter, &tree);
  Report(state);
}
BENCHMARK(BM_SameSnapshot)->Unit(benchmark::kMillisecond);

// The same files as our agents report them.
std::vector<std::string> Reports(batch::Compressor& compressor) {
  constexpr std::size_t kDirectoriesPerBatch = 40;
  Prng prng(11);
  std::vector<std::string> reports;
  batch::Batch batch;
  const auto attrs = [&prng](EntryKind kind) {
    EntryAttrs a;
    a.kind = kind;
    a.mode = kind == EntryKind::kDirectory ? 040755 : 0100644;
    a.size_bytes = static_cast<std::int64_t>(prng.Below(10'000'000));
    a.allocated_bytes = (a.size_bytes + 4095) / 4096 * 4096;
    a.mtime_ns = At(-1000).wall.ns - static_cast<std::int64_t>(prng.Below(1'000'000'000'000));
    a.ctime_ns = a.atime_ns = a.mtime_ns;
    a.inode = 1 + prng.Below(100'000'000);
    a.nlink = 1;
    return a;
  };
  for (std::size_t d = 0; d < kDirectories; ++d) {
    batch.source = batch::Source::kSnapshot;
    batch.scan_id = 1;
    batch::DirBlock& block = batch.blocks.emplace_back();
    block.path = "/datasets/set-" + std::to_string(d / 100) + "/shard-" + std::to_string(d);
    block.self = attrs(EntryKind::kDirectory);
    block.complete = true;
    for (std::size_t f = 0; f < kFilesPerDirectory; ++f) {
      block.rows.Append("sample_" + std::to_string(100'000 + f) + ".parquet",
                        attrs(EntryKind::kFile));
    }
    if (batch.blocks.size() < kDirectoriesPerBatch && d + 1 < kDirectories) continue;
    batch.sequence = reports.size() + 1;
    reports.push_back(agent::EncodeReport(batch, compressor));
    batch = batch::Batch();
  }
  return reports;
}

// Into an empty tree.
void BM_FirstSnapshotInColumns(benchmark::State& state) {
  const auto compressor = zstd::MakeCompressor();
  const std::vector<std::string> reports = Reports(*compressor);
  for (auto _ : state) {
    state.PauseTiming();
    auto tree = std::make_unique<tree::Tree>();
    auto arbiter = std::make_unique<Arbiter>(Arbiter::Options(), *tree);
    arbiter->SessionStarted(kSession);
    state.ResumeTiming();
    for (const std::string& report : reports) {
      const Result<DecodedBatch> decoded = DecodeReport(report, *compressor, {});
      if (!decoded.ok()) {
        state.SkipWithError("not taken");
        break;
      }
      arbiter->Apply(decoded->batch, kSession, 1, At(10));
      tree->Publish();
    }
    state.PauseTiming();
    if (tree->memory().entries < kDirectories * kFilesPerDirectory) {
      state.SkipWithError("rows are missing");
    }
    arbiter.reset();
    tree.reset();
    state.ResumeTiming();
  }
  state.counters["rows/s"] =
      benchmark::Counter(static_cast<double>(kDirectories * (kFilesPerDirectory + 1)),
                         benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(BM_FirstSnapshotInColumns)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace fustor::fusion

BENCHMARK_MAIN();
