// links.h: which entries are the same inode, so that it is counted once.
//
// A group is what has the same device, inode and kind. Of each link the table knows directory and
// name. It answers, when a link comes or goes, from which directory upwards another link of the
// group is below: from there on the inode is counted already.
//
// Pure, single-threaded. Needs to be told of every move: take the links below out before, put them
// back after.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/tree/chunk.h"

namespace fustor::tree {

struct LinkKey {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  EntryKind kind = EntryKind::kFile;
  friend bool operator==(const LinkKey&, const LinkKey&) = default;

  static LinkKey Of(const EntryAttrs& a) { return {a.device, a.inode, a.kind}; }
  static bool IsLink(const EntryAttrs& a) {
    return a.nlink > 1 && a.inode != 0 && !a.is_directory();
  }
};

struct LinkKeyHash {
  std::size_t operator()(const LinkKey& key) const noexcept;
};

class LinkTable {
 public:
  using ParentOf = std::function<DirId(DirId)>;
  struct Link {
    DirId dir;
    std::string name;
  };

  // parent_of(root) is kAboveRoot, where all walks end.
  explicit LinkTable(ParentOf parent_of) : parent_of_(std::move(parent_of)) {}

  // Each returns the first directory from `dir` upwards that contains another link of the group,
  // or kAboveRoot. O(depth) with many links, O(links * depth) with few.
  // REQUIRES: Add: not there; Remove: there.
  DirId Add(const LinkKey& key, DirId dir, std::string_view name);
  DirId Remove(const LinkKey& key, DirId dir, std::string_view name);

  bool Contains(const LinkKey& key) const { return groups_.contains(key); }
  bool Contains(const LinkKey& key, DirId dir, std::string_view name) const;
  // Links of the group. O(1).
  std::uint64_t Count(const LinkKey& key) const;
  // Any link of the group. REQUIRES: Contains(key).
  Link First(const LinkKey& key) const;
  // The links of a group, in no order.
  std::vector<Link> All(const LinkKey& key) const;
  // Calls visit(dir, stop) once per link such that the paths from dir up to before stop are
  // disjoint and together are all directories that contain a link of the group.
  void ForEachBranch(const LinkKey& key, const std::function<void(DirId dir, DirId stop)>& visit);

  std::uint64_t links() const { return links_; }
  std::uint64_t groups() const { return groups_.size(); }
  // Estimated.
  std::uint64_t size_bytes() const { return bytes_; }
  void Clear();

 private:
  // A group with many links also counts how many are below each directory.
  struct Below {
    std::uint32_t links = 0;
    std::set<std::string, std::less<>> names;  // Links in the directory itself.
  };
  struct Group {
    std::vector<Link> few;
    std::unique_ptr<std::unordered_map<DirId, Below>> many;
  };
  DirId LowestShared(const Group& group, DirId dir) const;
  DirId AddToMany(Group* group, DirId dir, std::string_view name);
  DirId RemoveFromMany(Group* group, DirId dir, std::string_view name);
  void BecomeMany(Group* group);

  ParentOf parent_of_;
  std::unordered_map<LinkKey, Group, LinkKeyHash> groups_;
  std::uint64_t links_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace fustor::tree
