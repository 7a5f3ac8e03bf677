#include "svc/agent/core/bus.h"

#include "base/mutants.h"

namespace fustor::agent {
namespace {

std::size_t BytesOf(const batch::DirBlock& block) {
  return sizeof(block) + block.path.size() + block.rows.size_bytes();
}
}  // namespace

bool Bus::TakeOverflow() {
  if (reader_ && ring_.TakeLoss(*reader_)) overflowed_ = lost_ = true;
  return std::exchange(overflowed_, false);
}

void Bus::BeginScan(std::uint64_t scan_id, batch::Source source, std::string path,
                    std::uint32_t full_every) {
  source_ = source;
  // Listings of the new scan take the place of older ones that wait: what is left of an older scan
  // must not end as if it were whole.
  for (Scanned& waiting : scan_) {
    const bool end = waiting.mark == batch::ScanMark::kEnd;
    if (end && waiting.source != batch::Source::kJob) waiting.mark = batch::ScanMark::kNone;
  }
  scan_.push_back({scan_id, source, batch::ScanMark::kBegin, std::move(path), {}, {}, 0});
  scan_.back().full_every = full_every;
  scan_.back().begun = now_;
}

void Bus::PushScanned(std::uint64_t scan_id, DirKey dir, batch::DirBlock block) {
  const std::size_t bytes = BytesOf(block);
  Drop(dir, &waiting_);  // An older listing of the same directory that still waits says less.
  scan_bytes_ += bytes;
  waiting_[dir] = scan_popped_ + scan_.size();
  scan_.push_back({scan_id, source_, batch::ScanMark::kNone, {}, dir, std::move(block), bytes});
}

void Bus::EndScan(std::uint64_t scan_id) {
  scan_.push_back({scan_id, source_, batch::ScanMark::kEnd, {}, {}, {}, 0});
}

void Bus::BeginJob(std::uint64_t scan_id, std::string job_id, std::string path, bool shallow) {
  Scanned& begin = scan_.emplace_back();
  begin.scan_id = scan_id;
  begin.source = batch::Source::kJob;
  begin.mark = batch::ScanMark::kBegin;
  begin.path = std::move(path);
  begin.job_id = std::move(job_id);
  begin.shallow = shallow;
  begin.begun = now_;
}

void Bus::PushOfJob(std::uint64_t scan_id, std::string job_id, DirKey dir, batch::DirBlock block) {
  const std::size_t bytes = BytesOf(block);
  scan_bytes_ += bytes;
  if (const auto it = waiting_for_jobs_.find(dir); it != waiting_for_jobs_.end()) {
    // In the place of the older one: what an earlier job has ended with is not older than its end.
    Scanned& waiting = scan_[it->second - scan_popped_];
    scan_bytes_ -= waiting.bytes;
    waiting.bytes = bytes;
    waiting.block = std::move(block);
    return;
  }
  waiting_for_jobs_[dir] = scan_popped_ + scan_.size();
  Scanned& scanned = scan_.emplace_back();
  scanned.scan_id = scan_id;
  scanned.source = batch::Source::kJob;
  scanned.dir = dir;
  scanned.block = std::move(block);
  scanned.bytes = bytes;
  scanned.job_id = std::move(job_id);
}

void Bus::EndJob(std::uint64_t scan_id, std::string job_id, std::string path, std::string error) {
  Scanned& end = scan_.emplace_back();
  end.scan_id = scan_id;
  end.source = batch::Source::kJob;
  end.mark = batch::ScanMark::kEnd;
  end.path = std::move(path);
  end.job_id = std::move(job_id);
  end.job_error = std::move(error);
}

void Bus::Touch(DirKey dir, std::string_view name) {
  for (const Waiting* waiting : {&waiting_, &waiting_for_jobs_}) {
    const auto it = waiting->find(dir);
    if (it == waiting->end()) continue;
    batch::DirBlock& block = scan_[it->second - scan_popped_].block;
    const std::size_t row = block.rows.FindSorted(name);
    if (row < block.rows.size()) block.rows.Erase(row);
    block.exempt.emplace_back(name);
  }
}

void Bus::HideSelf(DirKey dir, const EntryAttrs& told) {
  for (const Waiting* waiting : {&waiting_, &waiting_for_jobs_}) {
    const auto it = waiting->find(dir);
    if (it == waiting->end()) continue;
    Scanned& scanned = scan_[it->second - scan_popped_];
    EntryAttrs& self = scanned.block.self;
    // A snapshot overrides what was told before it, an audit only what is older.
    const bool shows_its_age = scanned.source == batch::Source::kAudit &&
                               self.inode == told.inode && self.ctime_ns != 0 &&
                               self.ctime_ns < told.ctime_ns;
    if (!shows_its_age) self = EntryAttrs();
  }
}

void Bus::Drop(DirKey dir) {
  Drop(dir, &waiting_);
  Drop(dir, &waiting_for_jobs_);
}

void Bus::Drop(DirKey dir, Waiting* waiting) {
  const auto it = waiting->find(dir);
  if (it == waiting->end()) return;
  Scanned& scanned = scan_[it->second - scan_popped_];
  scanned.dir = DirKey{};  // Skipped when its turn comes.
  waiting->erase(it);
}

std::optional<batch::Batch> Bus::Take(const DirTable& dirs) {
  std::optional<batch::Batch> batch;
  if (parts_.empty() && Broken("listings-before-changes")) batch = TakeScanned(dirs);
  if (parts_.empty() && !batch) batch = TakeRealtime();
  if (parts_.empty() && !batch) batch = TakeScanned(dirs);
  if (!parts_.empty()) {
    batch = std::move(parts_.front());
    parts_.pop_front();
  }
  if (reader_ && ring_.TakeLoss(*reader_)) overflowed_ = lost_ = true;
  if (lost_) {
    if (!batch) batch.emplace();
    batch->lost_events = true;
    lost_ = false;
  }
  return batch;
}

void Bus::Split(const batch::Batch& like, batch::DirBlock block) {
  const EntryList rows = std::move(block.rows);
  block.rows = {};
  block.exempt.clear();
  block.complete = false;
  for (std::size_t i = 0; i < rows.size();) {
    batch::Batch& part = parts_.emplace_back(like);
    part.blocks.push_back(block);
    EntryList& to = part.blocks.back().rows;
    for (; i < rows.size() && to.size_bytes() < options_.batch_bytes_max; ++i) {
      to.Append(rows.name(i), rows.attrs(i), rows.target(i));
    }
  }
}

std::optional<batch::Batch> Bus::TakeRealtime() {
  if (realtime_items() == 0) return std::nullopt;
  batch::Batch batch;
  batch.source = batch::Source::kRealtime;
  std::size_t rows = 0;
  std::size_t bytes = 0;
  while (realtime_items() != 0 && rows < options_.batch_rows_max &&
         bytes < options_.batch_bytes_max) {
    const Ring::Item& next = ring_.Front(*reader_);
    const auto* block = std::get_if<batch::DirBlock>(&next);
    // A batch is changes or blocks.
    if (block == nullptr ? !batch.blocks.empty() : !batch.changes.empty()) break;
    const bool huge = block != nullptr && IsHuge(*block);
    if (huge && rows != 0) break;
    bytes += Ring::BytesOf(next);
    rows += block == nullptr ? 1 : block->rows.size() + 1;
    Ring::Item item = ring_.TakeFront(*reader_);
    if (auto* change = std::get_if<batch::Change>(&item)) {
      batch.changes.push_back(std::move(*change));
    } else if (huge) {
      Split(batch, std::get<batch::DirBlock>(std::move(item)));
    } else {
      batch.blocks.push_back(std::get<batch::DirBlock>(std::move(item)));
    }
  }
  if (!parts_.empty()) return std::nullopt;
  return batch;
}

std::optional<batch::Batch> Bus::TakeScanned(const DirTable& dirs) {
  if (scan_.empty()) return std::nullopt;
  if (IsStructureWaiting() && !Broken("listings-before-changes")) return std::nullopt;
  batch::Batch batch;
  batch.source = scan_.front().source;
  batch.scan_id = scan_.front().scan_id;
  batch.job_id = scan_.front().job_id;
  std::size_t rows = 0;
  std::size_t bytes = 0;
  while (!scan_.empty() && rows < options_.batch_rows_max && bytes < options_.batch_bytes_max) {
    Scanned& next = scan_.front();
    if (next.scan_id != batch.scan_id) break;
    const bool huge = IsHuge(next.block);
    if (huge && (rows != 0 || batch.mark != batch::ScanMark::kNone)) break;
    if (next.mark == batch::ScanMark::kBegin) {
      if (!batch.blocks.empty()) break;
      batch.mark = batch::ScanMark::kBegin;
      batch.scan_path = std::move(next.path);
      batch.full_every = next.full_every;
      batch.shallow = next.shallow;
      batch.begun_ago_ms = (now_ - next.begun).count() / 1'000'000;
    } else if (next.mark == batch::ScanMark::kEnd) {
      if (batch.mark == batch::ScanMark::kBegin) break;  // One mark a batch.
      batch.mark = batch::ScanMark::kEnd;
      batch.scan_path = std::move(next.path);
      batch.job_error = std::move(next.job_error);
    } else {
      scan_bytes_ -= next.bytes;
      if (dirs.Contains(next.dir)) {
        WaitingOf(next.source).erase(next.dir);
        next.block.path = dirs.PathOf(next.dir);
        rows += next.block.rows.size() + 1;
        bytes += next.bytes;
        if (huge) {
          Split(batch, std::move(next.block));
        } else {
          batch.blocks.push_back(std::move(next.block));
        }
      }
    }
    scan_.pop_front();
    ++scan_popped_;
    if (batch.mark == batch::ScanMark::kEnd) break;
  }
  if (batch.blocks.empty() && batch.mark == batch::ScanMark::kNone) return std::nullopt;
  return batch;
}

void Bus::Clear() {
  parts_.clear();
  scan_popped_ += scan_.size();
  scan_.clear();
  waiting_.clear();
  waiting_for_jobs_.clear();
  scan_bytes_ = 0;
  lost_ = overflowed_ = false;
}

void Bus::Open() {
  Clear();
  if (reader_) {
    ring_.Skip(*reader_);
  } else {
    reader_ = ring_.Attach();
  }
}

void Bus::Close() {
  Clear();
  if (reader_) ring_.Detach(*reader_);
  reader_.reset();
}

}  // namespace fustor::agent
