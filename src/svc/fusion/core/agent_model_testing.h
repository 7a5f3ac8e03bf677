// agent_model_testing.h: a small file system, and an agent that watches, lists and reports it in
// the order that batch.h and docs/arbitration.md promise.
//
// The dumbest agent that keeps the promises: directories by their paths, events without delay. It
// knows two lanes as agents do: realtime (changes, and listings of directories that appeared)
// leaves first; scan (listings and marks) leaves when nothing of realtime waits. For tests only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/path.h"
#include "base/prng.h"
#include "lib/batch/batch.h"
#include "svc/fusion/core/arbiter_types.h"

namespace fustor::fusion {

using Files = std::map<std::string, EntryAttrs>;

// Paths and attributes; the root is "/".
struct FileSystem {
  Files files;
  std::int64_t now_ns = 0;
  std::uint64_t inodes = 1;
  bool has_ctime = true;

  std::int64_t ctime_ns() const { return has_ctime ? now_ns : 0; }
  EntryAttrs Fresh(EntryKind kind) {
    EntryAttrs attrs;
    attrs.kind = kind;
    attrs.mode = kind == EntryKind::kDirectory ? 040755 : 0100644;
    attrs.inode = ++inodes;
    attrs.mtime_ns = now_ns;
    attrs.ctime_ns = ctime_ns();
    return attrs;
  }
  bool IsDirectory(const std::string& path) const {
    const auto it = files.find(path);
    return it != files.end() && it->second.is_directory();
  }
  Files Below(const std::string& path) const {
    Files below;
    for (const auto& [at, attrs] : files) {
      if (at != path && IsWithin(at, path)) below[at] = attrs;
    }
    return below;
  }
  Files Children(const std::string& path) const {
    Files children;
    for (const auto& [at, attrs] : files) {
      if (at != "/" && SplitPath(at).first == path) children[at] = attrs;
    }
    return children;
  }
};

// A listing between its first and its last look.
struct Flight {
  std::string path;
  std::uint64_t scan_id = 0;
  batch::DirBlock block;
  std::set<std::string> touched;
  bool again = false;
  std::uint64_t again_scan_id = 0;
};

class Agent {
 public:
  // `fs` must outlive the agent. hears_all: its watch covers the whole file system (fanotify);
  // otherwise only directories whose listing has begun (inotify). flaky: some listings break off.
  struct Options {
    std::uint16_t number = 1;
    bool hears_all = true;
    bool flaky = false;
  };
  Agent(Options options, const FileSystem& fs) : options_(options), fs_(&fs) {}

  // --- What happens on its host. ---

  // The entry is there, new or changed; for a directory also: something in it was added or removed.
  void SawUpsert(const std::string& path) {
    if (Hears(Parent(path)) || (fs_->IsDirectory(path) && Hears(path))) Look(path);
  }
  void SawDelete(const std::string& path) {
    if (Hears(Parent(path))) Remove(path);
  }
  // Followed by SawUpsert(to).
  void SawMove(const std::string& from, const std::string& to) {
    if (!Hears(Parent(from))) return;  // What has moved in from where nobody looks is new.
    if (!Hears(Parent(to))) return Remove(from);
    batch::Change change;
    change.kind = batch::Change::Kind::kMove;
    change.path = to;
    change.old_path = from;
    realtime_.push_back(std::move(change));
    Touch(from);
    Touch(to);
    Forget(to);
    Rekey(from, to);
  }
  // From now on events are lost, until Recover has learned of it.
  void GoDeaf() {
    deaf_ = true;
    complete_from_ = scan_id_ + 1;
    realtime_known.clear();
  }
  void Recover() {
    deaf_ = false;
    lost_ = true;
    BeginScan(batch::Source::kSnapshot);
  }

  // --- Listing. ---

  void BeginScan(batch::Source source) {
    scanning_ = true;
    source_ = source;
    ++scan_id_;
    std::erase_if(to_list_, [](const auto& item) { return item.second != 0; });
    if (flight_ && flight_->again_scan_id != 0) flight_->again = false;
    // Its listings will take the place of those that still wait: an older scan is not complete
    // then.
    std::erase_if(waiting_,
                  [](const Waiting& waiting) { return waiting.mark == batch::ScanMark::kEnd; });
    waiting_.push_back({scan_id_, source_, batch::ScanMark::kBegin, {}});
    Want("/", scan_id_);
  }
  // A directory that it knows is listed again in realtime.
  void Relist(Prng& prng) {
    if (known_.empty()) return;
    auto it = known_.begin();
    std::advance(it, static_cast<std::ptrdiff_t>(prng.Below(known_.size())));
    Want(it->first, 0);
  }
  // Begins a listing or ends the one that has begun.
  void ListStep(Prng& prng) {
    if (flight_) return EndListing();
    if (!to_list_.empty()) BeginListing(prng);
    MaybeEndScan();
  }

  // --- Sending. ---

  // Changes or listings, as many as are of one kind.
  void FlushRealtime() {
    if (realtime_.empty()) return;
    batch::Batch batch;
    const bool blocks = std::holds_alternative<batch::DirBlock>(realtime_.front());
    while (!realtime_.empty() &&
           std::holds_alternative<batch::DirBlock>(realtime_.front()) == blocks) {
      if (blocks) {
        batch.blocks.push_back(std::get<batch::DirBlock>(std::move(realtime_.front())));
      } else {
        batch.changes.push_back(std::get<batch::Change>(std::move(realtime_.front())));
      }
      realtime_.pop_front();
    }
    Send(std::move(batch));
  }
  void SendOne() {
    while (!realtime_.empty()) FlushRealtime();
    if (waiting_.empty()) return;
    Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    batch::Batch batch;
    batch.source = next.source;
    batch.scan_id = next.scan_id;
    batch.mark = next.mark;
    if (batch.mark == batch::ScanMark::kBegin) batch.scan_path = "/";
    if (batch.mark == batch::ScanMark::kNone) {
      unsent_.erase(next.block.path);
      batch.blocks.push_back(std::move(next.block));
    }
    Send(std::move(batch));
  }
  void FinishAll(Prng& prng) {
    if (deaf_) Recover();
    options_.flaky = false;
    while (scanning_ || flight_ || !to_list_.empty()) ListStep(prng);
    while (!waiting_.empty() || !realtime_.empty()) SendOne();
  }

  std::uint16_t number() const { return options_.number; }
  SessionKey session() const { return {options_.number}; }
  bool deaf() const { return deaf_; }
  bool scanning() const { return scanning_; }
  // Everything that it has heard of is on its way, and all directories that it knows of were
  // listed.
  bool sent_all() const {
    return !deaf_ && realtime_.empty() && unsent_.empty() && !(flight_ && flight_->scan_id == 0) &&
           std::none_of(to_list_.begin(), to_list_.end(),
                        [](auto& item) { return item.second == 0; });
  }
  // The first scan that tells about everything that was not heard.
  std::uint64_t complete_from() const { return complete_from_; }

  std::deque<batch::Batch> wire;
  std::set<std::string> realtime_known;

 private:
  struct Waiting {
    std::uint64_t scan_id = 0;
    batch::Source source = batch::Source::kSnapshot;
    batch::ScanMark mark = batch::ScanMark::kNone;
    batch::DirBlock block;
  };

  static std::string Parent(const std::string& path) { return std::string(SplitPath(path).first); }
  bool Hears(const std::string& directory) const {
    return !deaf_ && (options_.hears_all || watched_.contains(directory));
  }

  // Stat, and report what is there.
  void Look(const std::string& path) {
    const auto it = fs_->files.find(path);
    if (it == fs_->files.end()) return Remove(path);
    const EntryAttrs& attrs = it->second;
    const auto known = known_.find(path);
    const bool another = known != known_.end() && known->second != attrs.inode;
    if (path != "/" && another) Remove(path);
    batch::Change change;
    change.path = path;
    change.attrs = attrs;
    realtime_.push_back(std::move(change));
    Touch(path);
    realtime_known.insert(path);
    if (!attrs.is_directory()) return;
    if (flight_ && flight_->path == path) flight_->block.self = attrs;
    for (Waiting& waiting : waiting_) {
      if (waiting.block.path == path) waiting.block.self = attrs;
    }
    if (path != "/" && Know(path, attrs.inode)) Want(path, 0);
  }
  void Remove(const std::string& path) {
    if (path == "/") return;
    batch::Change change;
    change.kind = batch::Change::Kind::kDelete;
    change.path = path;
    realtime_.push_back(std::move(change));
    Touch(path);
    Forget(path);
  }
  // True when it was not known.
  bool Know(const std::string& path, std::uint64_t inode) {
    const bool is_new = known_.emplace(path, inode).second;
    if (is_new) unsent_.insert(path);
    return is_new;
  }
  // A listing of its directory that has not left yet must not tell about it any more.
  void Touch(const std::string& path) {
    const auto [parent, name] = SplitPath(path);
    if (path == "/") return;
    if (flight_ && flight_->path == parent) flight_->touched.emplace(name);
    for (Waiting& waiting : waiting_) {
      if (waiting.block.path != parent) continue;
      waiting.block.exempt.emplace_back(name);
      const std::size_t row = waiting.block.rows.FindSorted(name);
      if (row < waiting.block.rows.size()) waiting.block.rows.Erase(row);
    }
  }
  void Forget(const std::string& path) {
    const auto gone = [&path](const std::string& at) { return IsWithin(at, path); };
    std::erase_if(watched_, gone);
    std::erase_if(unsent_, gone);
    std::erase_if(realtime_known, gone);
    std::erase_if(known_, [&](const auto& item) { return gone(item.first); });
    std::erase_if(to_list_, [&](const auto& item) { return gone(item.first); });
    std::erase_if(waiting_, [&](const Waiting& waiting) {
      return waiting.mark == batch::ScanMark::kNone && gone(waiting.block.path);
    });
    if (flight_ && gone(flight_->path)) flight_.reset();
  }
  void Rekey(const std::string& from, const std::string& to) {
    const auto moved = [&](const std::string& at) {
      return IsWithin(at, from) ? to + at.substr(from.size()) : at;
    };
    const auto rekey = [&](std::set<std::string>& paths) {
      std::set<std::string> now;
      for (const std::string& at : paths) now.insert(moved(at));
      paths = std::move(now);
    };
    rekey(watched_);
    rekey(unsent_);
    rekey(realtime_known);
    std::map<std::string, std::uint64_t> known;
    for (const auto& [at, inode] : known_) known[moved(at)] = inode;
    known_ = std::move(known);
    for (auto& [at, scan_id] : to_list_) at = moved(at);
    for (Waiting& waiting : waiting_) waiting.block.path = moved(waiting.block.path);
    if (flight_) flight_->path = moved(flight_->path);
  }

  void Want(const std::string& path, std::uint64_t scan_id) {
    if (flight_ && flight_->path == path) {
      if (flight_->again && (flight_->again_scan_id != 0 || scan_id == 0)) return;
      flight_->again = true;
      flight_->again_scan_id = scan_id;
      return;
    }
    for (auto& [at, by] : to_list_) {
      if (at != path) continue;
      by = std::max(by, scan_id);
      return;
    }
    to_list_.emplace_back(path, scan_id);
  }
  // Watch, then list.
  void BeginListing(Prng& prng) {
    const std::size_t pick = prng.Below(to_list_.size());
    const auto [path, scan_id] = to_list_[pick];
    to_list_.erase(to_list_.begin() + static_cast<std::ptrdiff_t>(pick));
    if (!fs_->IsDirectory(path)) {
      Remove(path);  // Behind our back.
      if (fs_->files.contains(path)) Look(path);
      return;
    }
    watched_.insert(path);
    Flight& flight = flight_.emplace();
    flight.path = path;
    flight.scan_id = scan_id;
    flight.block.self = fs_->files.at(path);
    flight.block.failed = options_.flaky && prng.Chance(1, 20);
    flight.block.complete = !flight.block.failed;
    for (const auto& [at, attrs] : fs_->Children(path)) {
      if (flight.block.failed && prng.Chance(1, 2)) continue;
      flight.block.rows.Append(SplitPath(at).second, attrs);
    }
    flight.block.rows.SortByName();
  }
  void EndListing() {
    Flight flight = std::move(*flight_);
    flight_.reset();
    if (flight.scan_id == 0 || flight.scan_id == scan_id_) Conclude(flight);
    if (flight.again) Want(flight.path, flight.again_scan_id);
    MaybeEndScan();
  }
  void Conclude(Flight& flight) {
    batch::DirBlock& block = flight.block;
    block.path = flight.path;
    for (const std::string& name : flight.touched) {
      const std::size_t row = block.rows.FindSorted(name);
      if (row < block.rows.size()) block.rows.Erase(row);
      block.exempt.push_back(name);
      const std::string at = JoinPath(flight.path, name);
      if (flight.scan_id != 0 && known_.contains(at)) Want(at, flight.scan_id);
    }
    if (block.complete) ForgetWhatIsGone(block, flight.touched);
    for (std::size_t i = 0; i < block.rows.size(); ++i) {
      if (!block.rows.attrs(i).is_directory()) continue;
      const std::string at = JoinPath(flight.path, block.rows.name(i));
      Know(at, block.rows.attrs(i).inode);
      Want(at, flight.scan_id);
    }
    if (flight.scan_id == 0) {
      unsent_.erase(block.path);
      realtime_.push_back(std::move(block));
      return;
    }
    std::erase_if(waiting_, [&](const Waiting& waiting) {
      return waiting.mark == batch::ScanMark::kNone && waiting.block.path == flight.path;
    });
    waiting_.push_back({flight.scan_id, source_, batch::ScanMark::kNone, std::move(block)});
  }
  void ForgetWhatIsGone(const batch::DirBlock& block, const std::set<std::string>& touched) {
    std::vector<std::string> gone;
    for (const auto& [at, inode] : known_) {
      const auto [parent, name] = SplitPath(at);
      if (parent != block.path || touched.contains(std::string(name))) continue;
      const std::size_t row = block.rows.FindSorted(name);
      const bool same = row < block.rows.size() && block.rows.attrs(row).inode == inode;
      if (!same) gone.push_back(at);
    }
    for (const std::string& at : gone) Forget(at);
  }
  void MaybeEndScan() {
    if (!scanning_ || (flight_ && flight_->scan_id == scan_id_)) return;
    if (flight_ && flight_->again && flight_->again_scan_id == scan_id_) return;
    for (const auto& [path, scan_id] : to_list_) {
      if (scan_id == scan_id_) return;
    }
    waiting_.push_back({scan_id_, source_, batch::ScanMark::kEnd, {}});
    scanning_ = false;
  }

  void Send(batch::Batch batch) {
    batch.lost_events = std::exchange(lost_, false);
    wire.push_back(std::move(batch));
  }

  Options options_;
  const FileSystem* fs_;
  bool deaf_ = false;
  bool lost_ = false;
  std::uint64_t complete_from_ = 1;

  std::set<std::string> watched_;
  std::map<std::string, std::uint64_t> known_;  // Directories by path, with their inodes.
  std::set<std::string> unsent_;                // Of these, those that were never listed yet.
  std::vector<std::pair<std::string, std::uint64_t>> to_list_;  // By scan; 0: in realtime.
  std::optional<Flight> flight_;
  bool scanning_ = false;
  batch::Source source_ = batch::Source::kSnapshot;
  std::uint64_t scan_id_ = 0;

  std::deque<std::variant<batch::Change, batch::DirBlock>> realtime_;
  std::deque<Waiting> waiting_;
};

}  // namespace fustor::fusion
