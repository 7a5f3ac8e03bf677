#include "sim/watch.h"

#include <algorithm>

namespace fustor::sim {

using env::DirKey;
using env::TreeEvent;

namespace {

constexpr std::size_t kMergeDepth = 128;  // As far back as the kernel looks.

std::uint32_t Bit(Record::What what) { return 1u << static_cast<unsigned>(what); }

bool Repeats(const TreeEvent& a, const TreeEvent& b) {
  return a.kind == b.kind && a.kind != TreeEvent::Kind::kMoved && a.cookie == 0 && b.cookie == 0 &&
         a.is_directory == b.is_directory && a.dir == b.dir && a.name == b.name;
}

}  // namespace

Watch::Watch(World& world, FileSystem& fs, WatchOptions options)
    : world_(world),
      fs_(fs),
      options_(options),
      prng_(world.Derive("watch" +
                         (options.mount == 0 ? std::string() : std::to_string(options.mount)))) {}

void Watch::Stop() {
  fs_.Unlisten(*this);
  stopped_ = true;
  queue_.clear();
  events_.clear();
  if (waiter_) (*waiter_)(std::vector<TreeEvent>());
  waiter_.reset();
}

// --- Watching ------------------------------------------------------------------------------------

Status Watch::Cover(DirKey key, NodeId dir) {
  if (options_.whole) {
    if (const auto old = by_key_.find(key); old != by_key_.end()) by_node_.erase(old->second);
    const auto [place, fresh] = by_node_.try_emplace(dir, key);
    if (!fresh && place->second != key) by_key_.erase(place->second);
    place->second = key;
    by_key_[key] = dir;
    return {};
  }
  const auto found = watches_.find(dir);
  if (found == watches_.end() && options_.watches_max != 0 &&
      watches_.size() >= options_.watches_max) {
    return {Code::kResourceExhausted, "no watches are left"};
  }
  const WatchId watch = found == watches_.end() ? ++last_watch_ : found->second;
  if (const auto old = watch_of_.find(key); old != watch_of_.end() && old->second != watch) {
    Uncover(key);
  }
  if (const auto old = by_watch_.find(watch); old != by_watch_.end() && old->second != key) {
    watch_of_.erase(old->second);
    by_key_.erase(old->second);
  }
  watches_[dir] = watch;
  by_watch_[watch] = key;
  watch_of_[key] = watch;
  by_key_[key] = dir;
  return {};
}

void Watch::Uncover(DirKey key) {
  const auto it = by_key_.find(key);
  if (it == by_key_.end()) return;
  if (options_.whole) {
    by_node_.erase(it->second);
    by_key_.erase(it);
    return;
  }
  const WatchId watch = watch_of_.at(key);
  const auto kernel = watches_.find(it->second);
  if (kernel != watches_.end() && kernel->second == watch) watches_.erase(kernel);
  Forget(watch);
}

void Watch::Forget(WatchId watch) {
  const auto it = by_watch_.find(watch);
  if (it == by_watch_.end()) return;
  watch_of_.erase(it->second);
  by_key_.erase(it->second);
  by_watch_.erase(it);
}

std::optional<DirKey> Watch::KeyOf(NodeId dir) const {
  const auto it = by_node_.find(dir);
  if (it == by_node_.end()) return std::nullopt;
  return it->second;
}

// --- The kernel's side ---------------------------------------------------------------------------

void Watch::OnRecord(const Record& record) {
  if (!options_.hears_other_mounts && record.actor.mount != options_.mount) return;
  if (options_.whole) {
    // Attributes of a directory are told once, by the directory itself.
    if (record.what == What::kAttrib && record.is_directory && !record.name.empty()) return;
    return Queue({record, Bit(record.what), 0, false});
  }
  QueueHalf(record, record.dir, false);
  if (record.what == What::kRename) QueueHalf(record, record.to_dir, true);
  if (record.what == What::kGone) watches_.erase(record.dir);
}

void Watch::QueueHalf(const Record& record, NodeId dir, bool arriving) {
  const auto it = watches_.find(dir);
  if (it != watches_.end()) Queue({record, Bit(record.what), it->second, arriving});
}

bool Watch::Merge(const Queued& queued) {
  const Record& record = queued.record;
  if (!options_.whole) {
    if (queue_.empty()) return false;
    const Queued& last = queue_.back();
    return last.mask == queued.mask && last.watch == queued.watch && record.what != What::kRename &&
           last.record.name == record.name && last.record.is_directory == record.is_directory;
  }
  if (!options_.merges || record.what == What::kRename) return false;
  const std::size_t depth = std::min(queue_.size(), kMergeDepth);
  for (auto it = queue_.rbegin(); it != queue_.rbegin() + static_cast<std::ptrdiff_t>(depth);
       ++it) {
    const Record& old = it->record;
    if (it->mask == 0 || old.what == What::kRename) continue;
    if (old.dir == record.dir && old.name == record.name &&
        old.is_directory == record.is_directory && old.actor.process == record.actor.process) {
      it->mask |= queued.mask;
      return true;
    }
  }
  return false;
}

void Watch::Queue(Queued queued) {
  if (options_.drop_one_in != 0 && prng_.Chance(1, options_.drop_one_in)) return;
  if (Merge(queued)) return;
  if (queue_.size() >= options_.records_max) {
    if (queue_.back().mask != 0) queue_.emplace_back();
    return;
  }
  queue_.push_back(std::move(queued));
  ReadLater();
}

void Watch::Overflow() {
  queue_.clear();
  queue_.emplace_back();
  ReadLater();
}

void Watch::ReadLater() {
  if (reading_ || queue_.empty()) return;
  reading_ = true;
  Nanos delay(prng_.Between(options_.delay_min.count(), options_.delay_max.count()));
  if (options_.late_one_in != 0 && prng_.Chance(1, options_.late_one_in)) {
    delay += Nanos(prng_.Between(0, options_.late_max.count()));
  }
  world_.After(delay, [self = shared_from_this()] { self->Read(); });
}

// --- The reader's side ---------------------------------------------------------------------------

void Watch::Read() {
  reading_ = false;
  if (stopped_) return;
  std::size_t count = queue_.size();
  if (prng_.Chance(1, 4)) count = 1 + prng_.Below(count);
  for (; count > 0; --count) {
    const Queued queued = std::move(queue_.front());
    queue_.pop_front();
    Decode(queued);
  }
  if (queue_.empty()) backlog_.clear();
  if (waiter_ && !events_.empty()) {
    (*waiter_)(std::exchange(events_, {}));
    waiter_.reset();
  }
  ReadLater();
}

void Watch::Decode(const Queued& queued) {
  if (queued.mask == 0) return Emit(Kind::kOverflow, false, {}, {});
  if (!options_.whole) return DecodeHalf(queued);
  if (queued.record.what == What::kRename) return DecodeRename(queued.record);
  DecodeWhole(queued);
}

void Watch::DecodeHalf(const Queued& queued) {
  const Record& record = queued.record;
  const auto it = by_watch_.find(queued.watch);
  if (it == by_watch_.end()) return;
  const DirKey key = it->second;
  switch (record.what) {
    case What::kGone:
      Forget(queued.watch);
      return Emit(Kind::kDirGone, true, key, {});
    case What::kRename:
      return Emit(queued.arriving ? Kind::kMovedIn : Kind::kMovedOut, record.is_directory, key,
                  queued.arriving ? record.to_name : record.name, record.cookie);
    case What::kCreate:
      return Emit(Kind::kCreated, record.is_directory, key, record.name);
    case What::kDelete:
      return Emit(Kind::kRemoved, record.is_directory, key, record.name);
    case What::kModify:
      return Emit(Kind::kModified, false, key, record.name);
    case What::kClose:
      return Emit(Kind::kClosed, false, key, record.name);
    case What::kAttrib:
      return Emit(Kind::kAttributes, record.is_directory, key, record.name);
  }
}

void Watch::DecodeWhole(const Queued& queued) {
  const Record& record = queued.record;
  const std::optional<DirKey> key = KeyOf(record.dir);
  if (!key) return;
  const bool is_directory = record.is_directory;
  const auto has = [&](What what) { return (queued.mask & Bit(what)) != 0; };
  if (has(What::kGone)) {
    Uncover(*key);
    return Emit(Kind::kDirGone, true, *key, {});
  }
  // Merged: a name that was gone may have been made again by another process.
  const Place place{*key, record.name};
  const bool again =
      has(What::kDelete) && (backlog_.contains({place, false}) || backlog_.contains({place, true}));
  backlog_.insert({place, is_directory});
  if (has(What::kDelete)) Emit(Kind::kRemoved, is_directory, *key, record.name);
  if (has(What::kCreate) || again) Emit(Kind::kCreated, is_directory, *key, record.name);
  if (has(What::kAttrib)) Emit(Kind::kAttributes, is_directory, *key, record.name);
  if (has(What::kModify)) Emit(Kind::kModified, is_directory, *key, record.name);
  if (has(What::kClose)) Emit(Kind::kClosed, is_directory, *key, record.name);
}

void Watch::DecodeRename(const Record& record) {
  const std::optional<DirKey> from = KeyOf(record.dir);
  const std::optional<DirKey> to = KeyOf(record.to_dir);
  if (from && to) {
    TreeEvent moved;
    moved.kind = Kind::kMoved;
    moved.is_directory = record.is_directory;
    moved.dir = *from;
    moved.name = record.name;
    moved.to_dir = *to;
    moved.to_name = record.to_name;
    Append(std::move(moved));
  } else if (from) {
    Emit(Kind::kMovedOut, record.is_directory, *from, record.name);
  } else if (to) {
    Emit(Kind::kMovedIn, record.is_directory, *to, record.to_name);
  }
  if (from) EmitAgain({*from, record.name}, record.is_directory);
  if (to) EmitAgain({*to, record.to_name}, record.is_directory);
}

// What happened to a name after the rename may have been merged into a record before it.
void Watch::EmitAgain(const Place& place, bool is_directory) {
  for (const bool directory : {false, true}) {
    if (backlog_.contains({place, directory})) {
      Emit(Kind::kCreated, directory, place.first, place.second);
    }
  }
  backlog_.insert({place, is_directory});
}

void Watch::Emit(Kind kind, bool is_directory, DirKey dir, const std::string& name,
                 std::uint32_t cookie) {
  TreeEvent event;
  event.kind = kind;
  event.is_directory = is_directory;
  event.dir = dir;
  event.name = name;
  event.cookie = cookie;
  Append(std::move(event));
}

void Watch::Append(TreeEvent event) {
  if (event.kind == Kind::kOverflow) ++overflows_;
  if (!events_.empty() && Repeats(events_.back(), event)) return;
  if (events_.size() >= options_.events_max) {
    events_.clear();
    ++overflows_;
    events_.emplace_back().kind = Kind::kOverflow;
  }
  events_.push_back(std::move(event));
}

env::Task<std::vector<TreeEvent>> Watch::Next(std::shared_ptr<Watch> self) {
  if (self->stopped_) co_return std::vector<TreeEvent>();
  if (!self->events_.empty()) co_return std::exchange(self->events_, {});
  env::Completion<std::vector<TreeEvent>> arrived;
  self->waiter_ = arrived.resolver();
  co_return co_await arrived.Wait();
}

}  // namespace fustor::sim
