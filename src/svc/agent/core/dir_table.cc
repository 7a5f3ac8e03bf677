#include "svc/agent/core/dir_table.h"

#include <functional>

namespace fustor::agent {

DirTable::DirTable() : dirs_(2), index_(16, Hash{&dirs_}, Equal{&dirs_}) {}

std::size_t DirTable::Hash::operator()(const Name& n) const {
  return std::hash<std::string_view>()(n.name) ^ (n.parent * 0x9E3779B97F4A7C15ull);
}
std::size_t DirTable::Hash::operator()(std::uint32_t key) const {
  return (*this)(Name{(*dirs)[key].parent, (*dirs)[key].name});
}
bool DirTable::Equal::operator()(const Name& a, std::uint32_t b) const {
  return (*dirs)[b].parent == a.parent && (*dirs)[b].name == a.name;
}

DirKey DirTable::Add(DirKey parent, std::string_view name, std::uint64_t inode) {
  FUSTOR_CHECK(Contains(parent));
  if (const std::optional<DirKey> known = Find(parent, name)) {
    if (inode != 0) SetInode(*known, inode);
    return *known;
  }
  std::uint32_t key = 0;
  if (free_.size() > kReuseDelay) {
    key = free_.front();
    free_.pop_front();
  } else {
    key = static_cast<std::uint32_t>(dirs_.size());
    dirs_.emplace_back();
  }
  Dir& dir = dirs_[key];
  dir.parent = parent.value;
  dir.name = name;
  Link(key);
  SetInode(DirKey{key}, inode);
  ++count_;
  return DirKey{key};
}

std::optional<DirKey> DirTable::Find(DirKey parent, std::string_view name) const {
  const auto it = index_.find(Name{parent.value, name});
  if (it == index_.end()) return std::nullopt;
  return DirKey{*it};
}

bool DirTable::Contains(DirKey dir) const {
  return dir == kRoot ||
         (dir.value > 1 && dir.value < dirs_.size() && dirs_[dir.value].parent != 0);
}

DirKey DirTable::ParentOf(DirKey dir) const { return DirKey{dirs_[dir.value].parent}; }
std::string_view DirTable::NameOf(DirKey dir) const { return dirs_[dir.value].name; }
std::uint64_t DirTable::InodeOf(DirKey dir) const { return dirs_[dir.value].inode; }

void DirTable::SetInode(DirKey dir, std::uint64_t inode) {
  std::uint64_t& known = dirs_[dir.value].inode;
  if (known == inode) return;
  if (const auto it = by_inode_.find(known); it != by_inode_.end() && it->second == dir.value) {
    by_inode_.erase(it);
  }
  known = inode;
  if (inode != 0) by_inode_[inode] = dir.value;
}

std::optional<DirKey> DirTable::FindInode(std::uint64_t inode) const {
  const auto it = by_inode_.find(inode);
  if (it == by_inode_.end()) return std::nullopt;
  return DirKey{it->second};
}

std::string DirTable::PathOf(DirKey dir) const {
  FUSTOR_CHECK(Contains(dir));
  if (dir == kRoot) return "/";
  std::size_t size = 0;
  for (std::uint32_t k = dir.value; k != kRoot.value; k = dirs_[k].parent) {
    size += dirs_[k].name.size() + 1;
  }
  std::string path(size, '/');
  for (std::uint32_t k = dir.value; k != kRoot.value; k = dirs_[k].parent) {
    size -= dirs_[k].name.size();
    path.replace(size, dirs_[k].name.size(), dirs_[k].name);
    --size;
  }
  return path;
}

bool DirTable::IsBelow(DirKey dir, DirKey ancestor) const {
  for (std::uint32_t k = dir.value; k != 0; k = dirs_[k].parent) {
    if (k == ancestor.value) return true;
  }
  return false;
}

void DirTable::Move(DirKey dir, DirKey parent, std::string_view name) {
  FUSTOR_CHECK(dir != kRoot && Contains(dir) && Contains(parent) && !IsBelow(parent, dir));
  FUSTOR_CHECK(!Find(parent, name));
  const std::string new_name(name);  // `name` may be a view of the old one.
  Unlink(dir.value);
  dirs_[dir.value].parent = parent.value;
  dirs_[dir.value].name = new_name;
  Link(dir.value);
}

std::vector<DirKey> DirTable::Remove(DirKey dir) {
  FUSTOR_CHECK(dir != kRoot && Contains(dir));
  std::vector<DirKey> keys = {dir};
  for (std::size_t i = 0; i < keys.size(); ++i) {
    for (std::uint32_t c = dirs_[keys[i].value].first_child; c != 0; c = dirs_[c].next) {
      keys.push_back(DirKey{c});
    }
  }
  Unlink(dir.value);
  for (std::size_t i = 1; i < keys.size(); ++i) index_.erase(keys[i].value);
  for (const DirKey key : keys) {
    SetInode(key, 0);
    dirs_[key.value] = Dir();
    free_.push_back(key.value);
  }
  count_ -= keys.size();
  return keys;
}

std::vector<DirKey> DirTable::ChildrenOf(DirKey dir) const {
  std::vector<DirKey> children;
  for (std::uint32_t c = dirs_[dir.value].first_child; c != 0; c = dirs_[c].next) {
    children.push_back(DirKey{c});
  }
  return children;
}

void DirTable::Link(std::uint32_t key) {
  Dir& dir = dirs_[key];
  Dir& parent = dirs_[dir.parent];
  dir.previous = 0;
  dir.next = parent.first_child;
  if (dir.next != 0) dirs_[dir.next].previous = key;
  parent.first_child = key;
  index_.insert(key);
}

void DirTable::Unlink(std::uint32_t key) {
  index_.erase(key);
  Dir& dir = dirs_[key];
  if (dir.previous != 0) {
    dirs_[dir.previous].next = dir.next;
  } else {
    dirs_[dir.parent].first_child = dir.next;
  }
  if (dir.next != 0) dirs_[dir.next].previous = dir.previous;
  dir.next = dir.previous = 0;
}

}  // namespace fustor::agent
