#include "svc/fusion/flow/checkpoints.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

namespace fustor::fusion {
namespace {

constexpr unsigned kFolderMode = 0700;
constexpr unsigned kFileMode = 0600;
constexpr std::size_t kReadBytes = 256 << 10;
constexpr std::string_view kSuffix = ".checkpoint";
constexpr std::size_t kDigits = 12;
constexpr char kFloorName[] = "revision";
// Publications that there may be in the life of a process. JSON numbers are exact to 2^53: two
// million restarts.
constexpr tree::Revision kRevisionsAhead = tree::Revision{1} << 32;
constexpr tree::Revision kFloorMax = tree::Revision{1} << 60;

// As a file name: ids of a configuration may hold anything.
std::string FolderName(std::string_view view_id) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string name;
  for (const char c : view_id) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || (c == '.' && !name.empty());
    if (plain) {
      name += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    name += '%';
    name += kHex[byte >> 4];
    name += kHex[byte & 15];
  }
  return name;
}

std::optional<std::uint64_t> NumberOf(std::string_view name) {
  if (!name.ends_with(kSuffix)) return std::nullopt;
  name.remove_suffix(kSuffix.size());
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  const bool whole = error == std::errc() && end == name.data() + name.size();
  return whole && name.size() >= kDigits ? std::optional(number) : std::nullopt;
}

// Lets everything else on this executor run first.
env::Task<void> NextTurn() {
  env::Executor& here = co_await env::ThisExecutor();
  const env::Completion<bool> turn;
  here.Post([resolve = turn.resolver()] { resolve(true); });
  co_await turn.Wait();
}

// Frames of a file, one after the other.
class FrameFile {
 public:
  explicit FrameFile(std::unique_ptr<env::FileSource> file) : file_(std::move(file)) {}

  // nullopt: that was all. Errors: as FileSource::Read and FrameReader.
  Result<std::optional<checkpoint::Frame>> Next() {
    for (;;) {
      FUSTOR_TRY_ASSIGN(std::optional<checkpoint::Frame> frame, reader_.Next());
      if (frame) return frame;
      FUSTOR_TRY_ASSIGN(const std::string bytes, file_->Read(kReadBytes));
      bytes_ += bytes.size();
      if (bytes.empty()) {
        FUSTOR_TRY(reader_.End());
        return std::optional<checkpoint::Frame>();
      }
      reader_.Take(bytes);
    }
  }
  std::uint64_t bytes() const { return bytes_; }

 private:
  std::unique_ptr<env::FileSource> file_;
  checkpoint::FrameReader reader_;
  std::uint64_t bytes_ = 0;
};

std::int64_t Milliseconds(Nanos duration) {
  return std::chrono::duration_cast<Millis>(duration).count();
}

}  // namespace

Checkpoints::Checkpoints(Options options, CheckpointPorts ports, env::TaskGroup& tasks,
                         std::shared_ptr<Shard> shard, MetricRegistry& metrics, Logger log)
    : options_(std::move(options)),
      ports_(std::move(ports)),
      folder_(ports_.folder + "/" + FolderName(shard->view_id())),
      shard_(std::move(shard)),
      log_(std::move(log)),
      written_(metrics.AddCounter("fustor_fusion_checkpoints_total", "Checkpoints written.",
                                  {{"view", shard_->view_id()}})),
      failed_(metrics.AddCounter("fustor_fusion_checkpoint_failures_total",
                                 "Checkpoints that could not be written, or not be loaded.",
                                 {{"view", shard_->view_id()}})),
      last_written_s_(metrics.AddGauge("fustor_fusion_checkpoint_written_seconds",
                                       "When the last one was written, since 1970; 0: never.",
                                       {{"view", shard_->view_id()}})),
      last_bytes_(metrics.AddGauge("fustor_fusion_checkpoint_bytes", "Size of the last one.",
                                   {{"view", shard_->view_id()}})),
      status_(std::make_shared<const CheckpointStatus>()),
      tasks_(tasks) {}

void Checkpoints::Start() {
  shard_->BeginRestore(options_.source, 0);
  ports_.disk.Post([self = shared_from_this()] {
    self->running_ = true;
    self->tasks_.Spawn(self->Run(self));
  });
}

env::Task<void> Checkpoints::Run(std::shared_ptr<Checkpoints> /*self*/) {
  co_await RestoreNewest();
  shard_->EndRestore();
  const std::stop_token stop = stop_.get_token();
  while (!stop.stop_requested()) {
    const Status slept = co_await env::SleepFor(options_.interval, stop);
    if (slept.ok()) co_await WriteIfMoved(stop, Instant::Max());
  }
  running_ = false;
  ended_.Set();
}

std::string Checkpoints::PathOf(std::uint64_t number) const {
  std::string digits = std::to_string(number);
  if (digits.size() < kDigits) digits.insert(0, kDigits - digits.size(), '0');
  return folder_ + "/" + digits + std::string(kSuffix);
}

// --- Reading -------------------------------------------------------------------------------------

Result<CheckpointFile> Checkpoints::ReadHeader(std::uint64_t number) {
  FUSTOR_TRY_ASSIGN(std::unique_ptr<env::FileSource> source, ports_.streams.Open(PathOf(number)));
  FrameFile frames(std::move(source));
  FUSTOR_TRY_ASSIGN(const std::optional<checkpoint::Frame> frame, frames.Next());
  if (!frame) return Status(Code::kDataLoss, "nothing is in it");
  tree::Tree scratch;
  checkpoint::Loader loader({}, scratch);
  FUSTOR_TRY(loader.Apply(*frame));
  const checkpoint::Header& header = loader.header();
  return CheckpointFile{number, 0, header.written_at, header.revision, header.entries};
}

// Of a damaged one only the number is known; it counts as older than all others.
Checkpoints::Files Checkpoints::ReadFolder() {
  FUSTOR_TRY_ASSIGN(const std::vector<std::string> names, ports_.files.List(folder_));
  std::vector<CheckpointFile> files;
  for (const std::string& name : names) {
    const std::optional<std::uint64_t> number = NumberOf(name);
    if (!number) continue;
    last_number_ = std::max(last_number_, *number);
    const Result<CheckpointFile> file = ReadHeader(*number);
    files.push_back(file.ok() ? *file : CheckpointFile{*number, 0, {INT64_MIN}, 0, 0});
  }
  std::ranges::sort(files, std::greater<>(), &CheckpointFile::number);
  return files;
}

env::Task<void> Checkpoints::RestoreNewest() {
  Files files = ReadFolder();
  if (files.ok()) {
    files_ = *std::move(files);
  } else if (files.status().code() != Code::kNotFound) {
    NoteUnreadable(files.status(), folder_);
  }
  floor_ = RaiseFloor();
  shard_->BeginRestore(options_.source, floor_);
  const std::vector<CheckpointFile> candidates = files_;
  for (const CheckpointFile& file : candidates) {
    const Instant begun = now();
    const Status restored = co_await RestoreFrom(file);
    if (restored.code() == Code::kCancelled) co_return;
    if (!restored.ok()) {
      NoteUnreadable(restored, PathOf(file.number));
      shard_->BeginRestore(options_.source, floor_);
      continue;
    }
    log_.Info("restored from a checkpoint", {{"view", shard_->view_id()},
                                             {"written_at", FormatUtc(file.written_at)},
                                             {"entries", file.entries},
                                             {"took_ms", Milliseconds(now() - begun)}});
    facts_.last_written_at = file.written_at;
    facts_.last_entries = file.entries;
    co_return ShowStatus();
  }
}

// A position of the feed names a revision; who has seen one must not see it again as another.
tree::Revision Checkpoints::RaiseFloor() {
  const std::string path = folder_ + "/" + kFloorName;
  tree::Revision highest = 0;
  bool first = true;
  for (const CheckpointFile& file : files_) {
    highest = std::max(highest, file.revision);
    first = false;
  }
  const Result<std::string> text = ports_.files.Read(path, kDigits * 2);
  if (text.ok()) {
    tree::Revision floor = 0;
    std::from_chars(text->data(), text->data() + text->size(), floor);
    highest = std::max(highest, std::min(floor, kFloorMax));
    first = false;
  }
  if (!first) highest += kRevisionsAhead;
  Result<void> done = ports_.files.MakeDirectories(folder_, kFolderMode);
  if (done.ok()) {
    done = ports_.files.WriteAtomically(path, std::to_string(highest) + "\n", kFileMode);
  }
  if (!done.ok()) NoteUnreadable(done.status(), path);
  return highest;
}

void Checkpoints::NoteUnreadable(const Status& status, const std::string& path) {
  failed_.Add();
  if (facts_.restore_error.empty()) facts_.restore_error = path + ": " + status.message();
  ShowStatus();
  log_.Error("a checkpoint cannot be used: the view starts from an older one, or empty",
             {{"view", shard_->view_id()}, {"path", path}, {"error", status.message()}});
}

env::Task<Status> Checkpoints::RestoreFrom(CheckpointFile file) {
  Result<std::unique_ptr<env::FileSource>> source = ports_.streams.Open(PathOf(file.number));
  if (!source.ok()) co_return source.status();
  FrameFile frames(*std::move(source));
  for (;;) {
    if (stop_.stop_requested()) co_return Status(Code::kCancelled, "stopped");
    Result<std::optional<checkpoint::Frame>> frame = frames.Next();
    if (!frame.ok()) co_return frame.status();
    if (!frame->has_value()) break;
    const env::Completion<Status> done;
    shard_->Restore(std::move(**frame),
                    [resolve = done.resolver()](Status status) { resolve(std::move(status)); });
    const Status applied = co_await done.Wait();
    if (!applied.ok()) co_return applied;
  }
  facts_.last_bytes = frames.bytes();
  last_bytes_.Set(static_cast<std::int64_t>(frames.bytes()));
  last_written_s_.Set(file.written_at.ns / 1'000'000'000);
  saved_ = shard_->revision();  // What has been restored need not be written again.
  co_return Status();
}

env::Task<Checkpoints::Files> Checkpoints::ListHere() {
  Files files = ReadFolder();
  if (files.status().code() == Code::kNotFound) co_return std::vector<CheckpointFile>();
  if (!files.ok()) co_return files.status();
  std::vector<CheckpointFile> list = *std::move(files);
  std::erase_if(list, [](const CheckpointFile& file) { return file.entries == 0; });
  co_return list;
}

env::Task<Checkpoints::Loaded> Checkpoints::LoadHere(std::uint64_t number) {
  Result<std::unique_ptr<env::FileSource>> source = ports_.streams.Open(PathOf(number));
  if (!source.ok()) co_return source.status().Within("checkpoint " + std::to_string(number));
  FrameFile frames(*std::move(source));
  const auto loaded = std::make_shared<LoadedCheckpoint>();
  checkpoint::Loader::Options options;
  options.view_id = shard_->view_id();
  options.source = options_.source;
  checkpoint::Loader loader(std::move(options), loaded->tree);
  for (;;) {
    const Result<std::optional<checkpoint::Frame>> frame = frames.Next();
    if (!frame.ok()) co_return frame.status().Within(PathOf(number));
    if (!frame->has_value()) break;
    const Status applied = loader.Apply(**frame);
    if (!applied.ok()) co_return applied.Within(PathOf(number));
    co_await NextTurn();
    if (stop_.stop_requested()) co_return Status(Code::kUnavailable, "the view has ended");
  }
  loaded->header = loader.header();
  co_return std::shared_ptr<const LoadedCheckpoint>(loaded);
}

// --- Writing -------------------------------------------------------------------------------------

checkpoint::Header Checkpoints::MakeHeader(const ViewStatus& status) const {
  checkpoint::Header header;
  header.view_id = shard_->view_id();
  header.source = options_.source;
  header.written_at = ports_.disk.clock().WallNow();
  header.fresh_until =
      status.ready ? header.written_at : status.unready_since.value_or(header.written_at);
  for (const ViewStatus::Reporter& reporter : status.reporters) {
    header.reporters.push_back({reporter.agent_id, reporter.source_uri});
  }
  return header;
}

env::Task<void> Checkpoints::WriteIfMoved(std::stop_token stop, Instant deadline) {
  if (!shard_->status()->was_ready_once || saved_ == shard_->revision()) co_return;
  const Instant begun = now();
  CheckpointFile file;
  const Status written = co_await Write(&file, stop, deadline);
  if (written.code() == Code::kCancelled) co_return;
  NoteWritten(written, file, begun);
  if (!written.ok()) co_return;
  saved_ = file.revision;
  files_.insert(files_.begin(), file);
  Prune();
}

env::Task<Status> Checkpoints::Write(CheckpointFile* file, std::stop_token stop, Instant deadline) {
  const std::uint64_t discards = discards_;
  Result<tree::Snapshot> snapshot = shard_->Pin();
  if (!snapshot.ok()) co_return snapshot.status();
  // Looked at behind the pin: a reset in between is seen here, or discards what is written.
  const std::shared_ptr<const ViewStatus> status = shard_->status();
  if (!status->was_ready_once) co_return Status(Code::kCancelled, "the view was reset");
  const Result<void> made = ports_.files.MakeDirectories(folder_, kFolderMode);
  if (!made.ok()) co_return made.status();
  file->number = ++last_number_;
  Result<std::unique_ptr<env::FileSink>> sink =
      ports_.streams.Create(PathOf(file->number), kFileMode);
  if (!sink.ok()) co_return sink.status();
  checkpoint::Encoder encoder(MakeHeader(*status), *std::move(snapshot));
  file->written_at = encoder.header().written_at;
  file->revision = encoder.header().revision;
  file->entries = encoder.header().entries;
  std::string piece;
  for (bool more = true; more;) {
    piece.clear();
    const Result<bool> next = encoder.Next(&piece);
    if (!next.ok()) co_return next.status();
    more = *next;
    const Result<void> appended = (*sink)->Append(piece);
    if (!appended.ok()) co_return appended.status();
    file->bytes += piece.size();
    co_await NextTurn();
    if (discards != discards_) co_return Status(Code::kCancelled, "the view was reset");
    if (stop.stop_requested()) co_return Status(Code::kCancelled, "stopped");
    if (now() > deadline) co_return Status(Code::kDeadlineExceeded, "there was no time for it");
  }
  const Result<void> committed = (*sink)->Commit();
  co_return committed.status();
}

void Checkpoints::NoteWritten(const Status& written, const CheckpointFile& file, Instant begun) {
  facts_.error = written.message();
  if (written.ok()) {
    written_.Add();
    ++facts_.written;
    facts_.failed_at.reset();
    facts_.last_written_at = file.written_at;
    facts_.last_bytes = file.bytes;
    facts_.last_entries = file.entries;
    facts_.last_took = now() - begun;
    last_written_s_.Set(file.written_at.ns / 1'000'000'000);
    last_bytes_.Set(static_cast<std::int64_t>(file.bytes));
    log_.Info("checkpoint written", {{"view", shard_->view_id()},
                                     {"revision", file.revision},
                                     {"entries", file.entries},
                                     {"bytes", file.bytes},
                                     {"took_ms", Milliseconds(facts_.last_took)}});
  } else {
    failed_.Add();
    ++facts_.failures;
    facts_.failed_at = ports_.disk.clock().WallNow();
    log_.Error("a checkpoint could not be written; the one before stays",
               {{"view", shard_->view_id()}, {"error", written.message()}});
  }
  ShowStatus();
}

std::size_t Checkpoints::Superfluous(const std::vector<Nanos>& ages, Nanos interval,
                                     Nanos horizon) {
  const std::size_t last = ages.size() - 1;
  if (last == 1 || ages[last] > horizon) return last;
  // Without it, the step from its younger neighbour to its older one is the least.
  const auto step = [&](std::size_t i) {
    const double from = static_cast<double>((ages[i - 1] + interval).count());
    return static_cast<double>((ages[i + 1] + interval).count()) / from;
  };
  std::size_t least = 1;
  for (std::size_t i = 2; i < last; ++i) {
    if (step(i) < step(least)) least = i;
  }
  return least;
}

void Checkpoints::Prune() {
  const double horizon = static_cast<double>(options_.interval.count()) *
                         std::pow(4, static_cast<double>(options_.kept));
  while (files_.size() > std::max<std::size_t>(options_.kept, 1)) {
    std::vector<Nanos> ages;
    for (const CheckpointFile& file : files_) {
      // Damaged ones are as old as can be. Clocks go back: then they are as old as the last.
      const Nanos age =
          file.entries == 0 ? Nanos::max() / 2 : files_.front().written_at - file.written_at;
      ages.push_back(ages.empty() ? Nanos(0) : std::max(age, ages.back()));
    }
    const std::size_t goes = Superfluous(ages, options_.interval,
                                         Nanos(static_cast<std::int64_t>(std::min(horizon, 4e18))));
    const std::string path = PathOf(files_[goes].number);
    const Result<void> removed = ports_.files.Remove(path);
    if (!removed.ok() && removed.status().code() != Code::kNotFound) {
      log_.Warn("an old checkpoint could not be removed",
                {{"path", path}, {"error", removed.status().message()}});
    }
    files_.erase(files_.begin() + static_cast<std::ptrdiff_t>(goes));
  }
}

// --- Ending --------------------------------------------------------------------------------------

env::Task<Status> Checkpoints::StopHere(Instant deadline) {
  stop_.request_stop();
  while (running_) (void)co_await ended_.Wait(Instant::Max(), std::stop_token());
  co_await WriteIfMoved(std::stop_token(), deadline);
  co_return Status();
}

env::Task<Status> Checkpoints::DiscardHere() {
  ++discards_;
  saved_.reset();
  files_.clear();
  const Result<std::vector<std::string>> names = ports_.files.List(folder_);
  if (names.status().code() == Code::kNotFound) co_return Status();
  if (!names.ok()) co_return names.status();
  Status status;
  for (const std::string& name : *names) {
    if (!NumberOf(name)) continue;
    const Result<void> removed = ports_.files.Remove(folder_ + "/" + name);
    if (!removed.ok() && removed.status().code() != Code::kNotFound) status = removed.status();
  }
  if (!status.ok()) {
    log_.Error("checkpoints of a view that was reset could not be removed",
               {{"view", shard_->view_id()}, {"error", status.message()}});
  }
  co_return status;
}

env::Task<Status> Checkpoints::Stop(Instant deadline) {
  const std::shared_ptr<Checkpoints> self = shared_from_this();
  env::Task<Status> stop = StopHere(deadline);
  co_return co_await env::RunOn(ports_.disk, std::move(stop));
}

env::Task<Status> Checkpoints::Discard() {
  const std::shared_ptr<Checkpoints> self = shared_from_this();
  env::Task<Status> discard = DiscardHere();
  co_return co_await env::RunOn(ports_.disk, std::move(discard));
}

env::Task<Checkpoints::Files> Checkpoints::List() {
  const std::shared_ptr<Checkpoints> self = shared_from_this();
  env::Task<Files> list = ListHere();
  co_return co_await env::RunOn(ports_.disk, std::move(list));
}

env::Task<Checkpoints::Loaded> Checkpoints::Load(std::uint64_t number) {
  const std::shared_ptr<Checkpoints> self = shared_from_this();
  env::Task<Loaded> load = LoadHere(number);
  co_return co_await env::RunOn(ports_.disk, std::move(load));
}

}  // namespace fustor::fusion
