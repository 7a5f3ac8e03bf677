// The writer's side of tree::Tree over maps: slow and plain.

#include <map>
#include <set>

#include "base/path.h"
#include "lib/tree/tree.h"

namespace fustor::tree {

class Tree::Impl {
 public:
  struct Dir {
    DirId parent;
    std::string name;
    std::map<std::string, Entry, std::less<>> children;
  };
  Entry root;
  std::map<DirId, Dir> dirs;
  std::uint32_t next = 2;

  Impl() {
    root.attrs.kind = EntryKind::kDirectory;
    root.dir = kRoot;
    dirs[kRoot];
  }
  std::uint64_t Drop(DirId id) {
    std::uint64_t count = 0;
    for (auto& [name, entry] : dirs.at(id).children) {
      count += 1 + (entry.attrs.is_directory() ? Drop(entry.dir) : 0);
    }
    dirs.erase(id);
    return count;
  }
  void Sum(const Entry& entry, Aggregates* sums) const {
    sums->latest_mtime_ns = std::max(sums->latest_mtime_ns, entry.attrs.mtime_ns);
    sums->allocated_bytes += static_cast<std::uint64_t>(entry.attrs.allocated_bytes);
    if (!entry.attrs.is_directory()) {
      ++sums->files;
      sums->bytes += static_cast<std::uint64_t>(entry.attrs.size_bytes);
      return;
    }
    ++sums->directories;
    for (const auto& [name, child] : dirs.at(entry.dir).children) Sum(child, sums);
  }
};

Tree::Tree(Options) : impl_(std::make_unique<Impl>()) {}
Tree::~Tree() = default;

std::optional<DirId> Tree::FindDirectory(std::string_view path) {
  DirId dir = kRoot;
  for (std::string_view n = NextComponent(&path); !n.empty(); n = NextComponent(&path)) {
    auto& children = impl_->dirs.at(dir).children;
    auto it = children.find(n);
    if (it == children.end() || !it->second.attrs.is_directory()) return std::nullopt;
    dir = it->second.dir;
  }
  return dir;
}

bool Tree::Get(DirId dir, std::string_view name, Entry* entry) {
  auto& children = impl_->dirs.at(dir).children;
  auto it = children.find(name);
  if (it == children.end()) return false;
  *entry = it->second;
  return true;
}
Entry Tree::GetRoot() { return impl_->root; }
void Tree::PutRoot(const Entry& entry) {
  impl_->root = entry;
  impl_->root.dir = kRoot;
}

DirId Tree::Put(DirId dir, std::string_view name, const Entry& entry) {
  auto& children = impl_->dirs.at(dir).children;
  auto it = children.find(name);
  DirId id;
  if (it != children.end() && it->second.attrs.is_directory()) {
    if (entry.attrs.is_directory()) {
      id = it->second.dir;
    } else {
      impl_->Drop(it->second.dir);
    }
  }
  if (entry.attrs.is_directory() && id == DirId{}) {
    id = DirId{impl_->next++};
    impl_->dirs[id] = {dir, std::string(name), {}};
  }
  Entry& placed = children[std::string(name)];
  placed = entry;
  placed.dir = id;
  return id;
}

std::uint64_t Tree::Erase(DirId dir, std::string_view name) {
  auto& children = impl_->dirs.at(dir).children;
  auto it = children.find(name);
  if (it == children.end()) return 0;
  const Entry entry = it->second;
  children.erase(it);
  return 1 + (entry.attrs.is_directory() ? impl_->Drop(entry.dir) : 0);
}

Result<void> Tree::Move(DirId from, std::string_view name, DirId to, std::string_view to_name) {
  auto& source = impl_->dirs.at(from).children;
  auto it = source.find(name);
  if (it == source.end()) return Status(Code::kNotFound, "no such entry");
  const Entry entry = it->second;
  for (DirId up = to; up != kRoot; up = impl_->dirs.at(up).parent) {
    if (up == entry.dir) return Status(Code::kFailedPrecondition, "into itself");
  }
  if (from == to && name == to_name) return {};
  source.erase(it);
  Erase(to, to_name);
  impl_->dirs.at(to).children[std::string(to_name)] = entry;
  if (entry.attrs.is_directory()) {
    impl_->dirs.at(entry.dir).parent = to;
    impl_->dirs.at(entry.dir).name = to_name;
  }
  return {};
}

void Tree::ForEachChild(DirId dir,
                        const std::function<bool(std::string_view, const Entry&)>& visit) {
  for (const auto& [name, entry] : impl_->dirs.at(dir).children) {
    if (!visit(name, entry)) return;
  }
}
std::uint64_t Tree::ChildCount(DirId dir) { return impl_->dirs.at(dir).children.size(); }
std::string Tree::PathOf(DirId dir) {
  if (dir == kRoot) return "/";
  const Impl::Dir& d = impl_->dirs.at(dir);
  return JoinPath(PathOf(d.parent), d.name);
}

Aggregates Tree::AggregatesOf(DirId dir) {
  Entry entry = impl_->root;
  if (dir != kRoot) Get(impl_->dirs.at(dir).parent, impl_->dirs.at(dir).name, &entry);
  Aggregates sums;
  impl_->Sum(entry, &sums);
  return sums;
}
Revision Tree::Publish() { return 0; }
void Tree::Clear() {
  const Entry root = impl_->root;
  impl_ = std::make_unique<Impl>();
  impl_->root = root;
}
Result<void> Tree::CheckInvariants() { return {}; }

}  // namespace fustor::tree
