// dir_table.h: the directories of one source by number, so that a renamed directory stays itself.
//
// Pure; one owner. Holds directories only, about 100 bytes each: memory grows with the number of
// directories of the source, never with its files. Keys of removed directories are used again late
// (after kReuseDelay others were removed), so that an event on its way cannot hit a newcomer.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "env/tree_types.h"

namespace fustor::agent {

using env::DirKey;

class DirTable {
 public:
  static constexpr std::size_t kReuseDelay = 65'536;
  static constexpr DirKey kRoot{1};

  // Holds the root, with inode 0 (not known).
  DirTable();
  DirTable(const DirTable&) = delete;

  // The directory `name` in `parent`, made when it is not there. A known one keeps its inode when
  // `inode` is 0. REQUIRES: parent is there.
  DirKey Add(DirKey parent, std::string_view name, std::uint64_t inode);
  std::optional<DirKey> Find(DirKey parent, std::string_view name) const;
  // The directory that has this inode; the latest when several have (mounts). nullopt for 0.
  std::optional<DirKey> FindInode(std::uint64_t inode) const;
  bool Contains(DirKey dir) const;
  // The next three: REQUIRES: Contains(dir). The root's parent is {0} and its name empty.
  DirKey ParentOf(DirKey dir) const;
  std::string_view NameOf(DirKey dir) const;
  std::uint64_t InodeOf(DirKey dir) const;
  void SetInode(DirKey dir, std::uint64_t inode);
  std::string PathOf(DirKey dir) const;
  bool IsBelow(DirKey dir, DirKey ancestor) const;  // Or the same.

  // REQUIRES: not the root; the target name is free; `parent` is not `dir` or below it.
  void Move(DirKey dir, DirKey parent, std::string_view name);
  // Takes out the directory and all below it and returns their keys. REQUIRES: not the root.
  std::vector<DirKey> Remove(DirKey dir);
  // The children's keys, in no order.
  std::vector<DirKey> ChildrenOf(DirKey dir) const;

  std::size_t size() const { return count_; }

 private:
  struct Dir {
    std::uint32_t parent = 0;  // 0 and not the root: free.
    std::uint32_t first_child = 0;
    std::uint32_t next = 0;  // Siblings.
    std::uint32_t previous = 0;
    std::uint64_t inode = 0;
    std::string name;
  };
  struct Name {
    std::uint32_t parent;
    std::string_view name;
  };
  struct Hash {
    using is_transparent = void;
    const std::vector<Dir>* dirs;
    std::size_t operator()(const Name& n) const;
    std::size_t operator()(std::uint32_t key) const;
  };
  struct Equal {
    using is_transparent = void;
    const std::vector<Dir>* dirs;
    bool operator()(std::uint32_t a, std::uint32_t b) const { return a == b; }
    bool operator()(const Name& a, std::uint32_t b) const;
    bool operator()(std::uint32_t a, const Name& b) const { return (*this)(b, a); }
  };

  void Link(std::uint32_t key);  // Into its parent's list and the index.
  void Unlink(std::uint32_t key);

  std::vector<Dir> dirs_;                                 // By key; [0] is unused.
  std::unordered_set<std::uint32_t, Hash, Equal> index_;  // By (parent, name).
  std::unordered_map<std::uint64_t, std::uint32_t> by_inode_;
  std::deque<std::uint32_t> free_;
  std::size_t count_ = 1;
};

}  // namespace fustor::agent
