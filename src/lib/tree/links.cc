#include "lib/tree/links.h"

#include <algorithm>
#include <unordered_set>

namespace fustor::tree {
namespace {

constexpr std::size_t kFewMax = 16;

// Estimates of what the allocator is asked for.
constexpr std::uint64_t kGroupBytes = 72;
constexpr std::uint64_t kBelowBytes = 80;
std::uint64_t LinkBytes(std::string_view name) {
  return sizeof(LinkTable::Link) + (name.size() > 15 ? name.size() + 1 : 0);
}
std::uint64_t SetLinkBytes(std::string_view name) { return 32 + LinkBytes(name); }

}  // namespace

std::size_t LinkKeyHash::operator()(const LinkKey& key) const noexcept {
  std::uint64_t h = key.inode * 0x9E3779B97F4A7C15ull;
  h ^= (key.device + static_cast<std::uint64_t>(key.kind)) * 0xC2B2AE3D27D4EB4Full;
  return static_cast<std::size_t>(h ^ (h >> 29));
}

DirId LinkTable::LowestShared(const Group& group, DirId dir) const {
  std::vector<DirId> mine;  // From `dir` to the root.
  for (DirId d = dir; d != kAboveRoot; d = parent_of_(d)) mine.push_back(d);
  std::size_t lowest = mine.size();
  std::vector<DirId> other;
  for (const Link& link : group.few) {
    if (link.dir == dir) return dir;
    other.clear();
    for (DirId d = link.dir; d != kAboveRoot; d = parent_of_(d)) other.push_back(d);
    std::size_t shared = 0;
    while (shared < mine.size() && shared < other.size() &&
           mine[mine.size() - 1 - shared] == other[other.size() - 1 - shared]) {
      ++shared;
    }
    lowest = std::min(lowest, mine.size() - shared);
  }
  return lowest == mine.size() ? kAboveRoot : mine[lowest];
}

DirId LinkTable::Add(const LinkKey& key, DirId dir, std::string_view name) {
  const auto [it, fresh] = groups_.try_emplace(key);
  Group& group = it->second;
  if (fresh) bytes_ += kGroupBytes;
  ++links_;
  if (group.many == nullptr && group.few.size() == kFewMax) BecomeMany(&group);
  if (group.many != nullptr) return AddToMany(&group, dir, name);
  const DirId stop = LowestShared(group, dir);
  group.few.push_back({dir, std::string(name)});
  bytes_ += LinkBytes(name);
  return stop;
}

DirId LinkTable::Remove(const LinkKey& key, DirId dir, std::string_view name) {
  const auto it = groups_.find(key);
  FUSTOR_CHECK(it != groups_.end());
  Group& group = it->second;
  --links_;
  DirId stop = kAboveRoot;
  if (group.many != nullptr) {
    stop = RemoveFromMany(&group, dir, name);
  } else {
    const auto link = std::find_if(group.few.begin(), group.few.end(),
                                   [&](const Link& l) { return l.dir == dir && l.name == name; });
    FUSTOR_CHECK(link != group.few.end());
    bytes_ -= LinkBytes(name);
    *link = std::move(group.few.back());
    group.few.pop_back();
    stop = LowestShared(group, dir);
  }
  if (group.many == nullptr ? group.few.empty() : group.many->empty()) {
    groups_.erase(it);
    bytes_ -= kGroupBytes;
  }
  return stop;
}

void LinkTable::BecomeMany(Group* group) {
  group->many = std::make_unique<std::unordered_map<DirId, Below>>();
  std::vector<Link> few;
  few.swap(group->few);
  for (const Link& link : few) {
    bytes_ -= LinkBytes(link.name);
    AddToMany(group, link.dir, link.name);
  }
}

DirId LinkTable::AddToMany(Group* group, DirId dir, std::string_view name) {
  DirId stop = kAboveRoot;
  for (DirId d = dir; d != kAboveRoot; d = parent_of_(d)) {
    Below& below = (*group->many)[d];
    if (below.links == 0) bytes_ += kBelowBytes;
    if (below.links != 0 && stop == kAboveRoot) stop = d;
    ++below.links;
    if (d == dir) FUSTOR_CHECK(below.names.insert(std::string(name)).second);
  }
  bytes_ += SetLinkBytes(name);
  return stop;
}

DirId LinkTable::RemoveFromMany(Group* group, DirId dir, std::string_view name) {
  DirId stop = kAboveRoot;
  for (DirId d = dir; d != kAboveRoot; d = parent_of_(d)) {
    const auto it = group->many->find(d);
    FUSTOR_CHECK(it != group->many->end() && it->second.links > 0);
    if (d == dir) {
      const auto at = it->second.names.find(name);
      FUSTOR_CHECK(at != it->second.names.end());
      it->second.names.erase(at);
    }
    if (--it->second.links == 0) {
      group->many->erase(it);
      bytes_ -= kBelowBytes;
    } else if (stop == kAboveRoot) {
      stop = d;
    }
  }
  bytes_ -= SetLinkBytes(name);
  return stop;
}

bool LinkTable::Contains(const LinkKey& key, DirId dir, std::string_view name) const {
  const auto it = groups_.find(key);
  if (it == groups_.end()) return false;
  const Group& group = it->second;
  if (group.many == nullptr) {
    return std::any_of(group.few.begin(), group.few.end(),
                       [&](const Link& l) { return l.dir == dir && l.name == name; });
  }
  const auto below = group.many->find(dir);
  return below != group.many->end() && below->second.names.contains(name);
}

std::uint64_t LinkTable::Count(const LinkKey& key) const {
  const auto it = groups_.find(key);
  if (it == groups_.end()) return 0;
  const Group& group = it->second;
  return group.many == nullptr ? group.few.size() : group.many->at(kRoot).links;
}

LinkTable::Link LinkTable::First(const LinkKey& key) const {
  const Group& group = groups_.at(key);
  if (group.many == nullptr) return group.few.front();
  for (const auto& [dir, below] : *group.many) {
    if (!below.names.empty()) return {dir, *below.names.begin()};
  }
  FUSTOR_CHECK(false, "a group without links");
  return {};
}

std::vector<LinkTable::Link> LinkTable::All(const LinkKey& key) const {
  const auto it = groups_.find(key);
  if (it == groups_.end()) return {};
  if (it->second.many == nullptr) return it->second.few;
  std::vector<Link> all;
  for (const auto& [dir, below] : *it->second.many) {
    for (const std::string& name : below.names) all.push_back({dir, name});
  }
  return all;
}

void LinkTable::ForEachBranch(const LinkKey& key,
                              const std::function<void(DirId dir, DirId stop)>& visit) {
  std::unordered_set<DirId> seen;
  for (const Link& link : All(key)) {
    DirId d = link.dir;
    while (d != kAboveRoot && seen.insert(d).second) d = parent_of_(d);
    visit(link.dir, d);
  }
}

void LinkTable::Clear() {
  groups_.clear();
  links_ = 0;
  bytes_ = 0;
}

}  // namespace fustor::tree
