// toy_tree_testing.h: a file system in memory that changes while it is looked at, and the dumbest
// receiver of what is reported of it. For tests of the observer.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/path.h"
#include "base/prng.h"
#include "svc/agent/core/observer.h"

namespace fustor::agent {

using Kind = env::TreeEvent::Kind;

struct Node {
  EntryAttrs attrs;
  std::map<std::string, std::shared_ptr<Node>> children;
};
using NodePtr = std::shared_ptr<Node>;

// A file system that reports as fanotify does (whole renames) or as inotify does (two halves).
class ToyFs {
 public:
  ToyFs(Prng& prng, bool halves)
      : prng_(prng), halves_(halves), root_(Make(EntryKind::kDirectory)) {}

  NodePtr Walk(std::string_view path) const {
    NodePtr node = root_;
    while (!path.empty() && path != "/") {
      const std::string name(NextComponent(&path));
      if (name.empty()) break;
      const auto it = node->children.find(name);
      if (it == node->children.end()) return nullptr;
      node = it->second;
    }
    return node;
  }

  void RandomOperation() {
    const NodePtr dir = RandomDir();
    const std::string name(1, static_cast<char>('a' + prng_.Below(5)));
    const auto it = dir->children.find(name);
    const std::uint64_t dice = prng_.Below(10);
    if (it == dir->children.end()) {
      const bool is_dir = prng_.Chance(2, 5);
      const NodePtr node = Make(is_dir ? EntryKind::kDirectory : EntryKind::kFile);
      dir->children[name] = node;
      Emit(Kind::kCreated, dir, name, is_dir);
      if (!is_dir) Emit(Kind::kClosed, dir, name, false);
    } else if (dice < 3) {
      Remove(dir, name);
    } else if (dice < 7) {
      const NodePtr to = RandomDir();
      Rename(dir, name, to, std::string(1, static_cast<char>('a' + prng_.Below(5))));
    } else if (!it->second->attrs.is_directory()) {
      Write(dir, name, it->second);
    }
  }

  env::ListedDir List(const env::ListRequest& request) {
    env::ListedDir listed;
    listed.dir = request.dir;
    const NodePtr node = Walk(request.path);
    listed.status = Check(node, request.expected_inode);
    if (!listed.status.ok()) return listed;
    keys_[node->attrs.inode] = request.dir;
    listed.self = node->attrs;
    listed.started_at = WallTime{tick_ + kTickNs / 2};
    listed.unchanged = request.known.Is(node->attrs);
    if (listed.unchanged) return listed;
    for (const auto& [name, child] : node->children) listed.children.Append(name, child->attrs);
    return listed;
  }

  env::StattedEntry Stat(const env::StatRequest& request) {
    env::StattedEntry statted;
    statted.dir = request.dir;
    statted.name = request.name;
    if (prng_.Chance(1, 30)) {
      statted.status = Status(Code::kUnavailable, "Input/output error");
      return statted;
    }
    NodePtr node = Walk(request.dir_path);
    statted.status = Check(node, request.expected_inode);
    if (!statted.status.ok()) statted.status = Status(Code::kAborted, "not there any more");
    if (!statted.status.ok()) return statted;
    if (!request.name.empty()) {
      const auto it = node->children.find(request.name);
      if (it == node->children.end()) {
        statted.status = Status(Code::kNotFound, "no such entry");
        return statted;
      }
      node = it->second;
    }
    statted.attrs = node->attrs;
    return statted;
  }

  void Unwatch(const std::vector<DirKey>& dirs) {
    for (const DirKey dir : dirs) {
      std::erase_if(keys_, [dir](const auto& watch) { return watch.second == dir; });
    }
  }
  void LoseInSilence() { events_.clear(); }
  void Lose() {
    events_.clear();
    events_.push_back({.kind = Kind::kOverflow,
                       .is_directory = false,
                       .dir = {},
                       .name = {},
                       .cookie = 0,
                       .to_dir = {},
                       .to_name = {}});
  }
  std::vector<env::TreeEvent> TakeEvents(std::size_t count_max) {
    std::vector<env::TreeEvent> taken;
    while (!events_.empty() && taken.size() < count_max) {
      taken.push_back(std::move(events_.front()));
      events_.pop_front();
    }
    return taken;
  }
  bool quiet() const { return events_.empty(); }

  std::map<std::string, EntryAttrs> Truth(const Selection& selection) const {
    std::map<std::string, EntryAttrs> truth;
    Collect("/", root_, selection, &truth);
    return truth;
  }

 private:
  static void Collect(const std::string& path, const NodePtr& node, const Selection& selection,
                      std::map<std::string, EntryAttrs>* truth) {
    (*truth)[path] = node->attrs;
    for (const auto& [name, child] : node->children) {
      if (selection.LeavesOut(path, name, child->attrs.is_directory())) continue;
      Collect(JoinPath(path, name), child, selection, truth);
    }
  }
  NodePtr Make(EntryKind kind) {
    auto node = std::make_shared<Node>();
    node->attrs.kind = kind;
    node->attrs.inode = ++last_inode_;
    node->attrs.mtime_ns = Time();
    return node;
  }
  static Status Check(const NodePtr& node, std::uint64_t inode) {
    if (node == nullptr) return {Code::kNotFound, "gone"};
    if (!node->attrs.is_directory()) return {Code::kFailedPrecondition, "not a directory"};
    if (inode != 0 && node->attrs.inode != inode) return {Code::kAborted, "another one"};
    return {};
  }
  NodePtr RandomDir() const {
    NodePtr node = root_;
    for (std::uint64_t depth = prng_.Below(4); depth > 0; --depth) {
      std::vector<NodePtr> dirs;
      for (const auto& [name, child] : node->children) {
        if (child->attrs.is_directory()) dirs.push_back(child);
      }
      if (dirs.empty()) break;
      node = dirs[prng_.Below(dirs.size())];
    }
    return node;
  }
  void Emit(Kind kind, const NodePtr& dir, const std::string& name, bool is_dir,
            std::uint32_t cookie = 0) {
    const bool changes_dir = kind != Kind::kClosed && kind != Kind::kModified;
    if (changes_dir) dir->attrs.mtime_ns = Time();
    const auto it = keys_.find(dir->attrs.inode);
    if (it == keys_.end()) return;
    env::TreeEvent event;
    event.kind = kind;
    event.is_directory = is_dir;
    event.dir = it->second;
    event.name = name;
    event.cookie = cookie;
    events_.push_back(std::move(event));
  }
  void Write(const NodePtr& dir, const std::string& name, const NodePtr& file) {
    file->attrs.size_bytes = static_cast<std::int64_t>(prng_.Below(1000));
    file->attrs.mtime_ns = Time();
    Emit(Kind::kModified, dir, name, false);
    if (prng_.Chance(4, 5)) Emit(Kind::kClosed, dir, name, false);
  }
  void RemoveBelow(const NodePtr& dir) {
    while (!dir->children.empty()) Remove(dir, dir->children.begin()->first);
  }
  void Remove(const NodePtr& dir, const std::string name) {
    const NodePtr node = dir->children[name];
    RemoveBelow(node);
    dir->children.erase(name);
    Emit(Kind::kRemoved, dir, name, node->attrs.is_directory());
    keys_.erase(node->attrs.inode);
  }
  static bool Contains(const NodePtr& above, const NodePtr& below) {
    if (above == below) return true;
    for (const auto& [name, child] : above->children) {
      if (Contains(child, below)) return true;
    }
    return false;
  }
  void Rename(const NodePtr& from, const std::string& name, const NodePtr& to,
              const std::string& to_name) {
    const NodePtr node = from->children[name];
    if (Contains(node, to)) return;
    const auto target = to->children.find(to_name);
    if (target != to->children.end()) {
      if (target->second == node) return;
      const bool both = node->attrs.is_directory() && target->second->attrs.is_directory();
      if (node->attrs.is_directory() != target->second->attrs.is_directory()) return;
      if (both && !target->second->children.empty()) return;  // As rename(2): only empty ones.
      keys_.erase(target->second->attrs.inode);
    }
    from->children.erase(name);
    to->children[to_name] = node;
    const bool is_dir = node->attrs.is_directory();
    from->attrs.mtime_ns = Time();
    to->attrs.mtime_ns = Time();
    const auto from_key = keys_.find(from->attrs.inode);
    const auto to_key = keys_.find(to->attrs.inode);
    if (!halves_ && from_key != keys_.end() && to_key != keys_.end()) {
      events_.push_back({.kind = Kind::kMoved,
                         .is_directory = is_dir,
                         .dir = from_key->second,
                         .name = name,
                         .cookie = 0,
                         .to_dir = to_key->second,
                         .to_name = to_name});
      return;
    }
    const std::uint32_t cookie = halves_ ? ++last_cookie_ : 0;
    Emit(Kind::kMovedOut, from, name, is_dir, cookie);
    Emit(Kind::kMovedIn, to, to_name, is_dir, cookie);
  }

  // Each change has another time than all before, and no listing is racily clean.
  static constexpr std::int64_t kTickNs = 50'000'000;
  std::int64_t Time() { return tick_ += kTickNs; }

  Prng& prng_;
  const bool halves_;
  std::uint64_t last_inode_ = 0;
  std::int64_t tick_ = 0;
  std::uint32_t last_cookie_ = 0;
  NodePtr root_;
  std::map<std::uint64_t, DirKey> keys_;  // Watched directories by inode.
  std::deque<env::TreeEvent> events_;
};

// The dumbest receiver that follows the contract of batch.h.
class ToyView {
 public:
  void Apply(const batch::Batch& batch) {
    for (const batch::Change& change : batch.changes) Apply(change);
    for (const batch::DirBlock& block : batch.blocks) Apply(block);
  }
  const std::map<std::string, EntryAttrs>& rows() const { return rows_; }

 private:
  void Erase(const std::string& path) {
    std::erase_if(rows_, [&](const auto& row) { return IsWithin(row.first, path); });
  }
  void Upsert(const std::string& path, const EntryAttrs& attrs) {
    if (!attrs.is_directory()) Erase(path);
    rows_[path] = attrs;
  }
  void Apply(const batch::Change& change) {
    if (change.kind == batch::Change::Kind::kUpsert) return Upsert(change.path, change.attrs);
    if (change.kind == batch::Change::Kind::kDelete) return Erase(change.path);
    // A row implies the directories above it.
    const bool known = std::ranges::any_of(
        rows_, [&](const auto& row) { return IsWithin(row.first, change.old_path); });
    if (!known) return;
    Erase(change.path);
    std::map<std::string, EntryAttrs> moved;
    for (const auto& [path, attrs] : rows_) {
      if (!IsWithin(path, change.old_path)) continue;
      moved[change.path + path.substr(change.old_path.size())] = attrs;
    }
    Erase(change.old_path);
    rows_.merge(moved);
  }
  void Apply(const batch::DirBlock& block) {
    if (block.failed) return;
    if (block.self.is_directory()) Upsert(block.path, block.self);  // Else it was told as a change.
    std::set<std::string> keep(block.exempt.begin(), block.exempt.end());
    for (std::size_t i = 0; i < block.rows.size(); ++i) {
      keep.emplace(block.rows.name(i));
      Upsert(JoinPath(block.path, block.rows.name(i)), block.rows.attrs(i));
    }
    if (!block.complete) return;
    // A row implies the directories above it.
    std::erase_if(rows_, [&](const auto& row) {
      if (row.first == block.path || !IsWithin(row.first, block.path)) return false;
      std::string_view rest = row.first;
      rest.remove_prefix(block.path == "/" ? 0 : block.path.size());
      return !keep.contains(std::string(NextComponent(&rest)));
    });
  }
  std::map<std::string, EntryAttrs> rows_;
};

inline std::string Print(const std::map<std::string, EntryAttrs>& rows) {
  std::string text;
  for (const auto& [path, attrs] : rows) {
    text += path + " inode " + std::to_string(attrs.inode) + " size " +
            std::to_string(attrs.size_bytes) + " mtime " + std::to_string(attrs.mtime_ns) + "\n";
  }
  return text;
}

}  // namespace fustor::agent
