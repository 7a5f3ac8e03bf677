// random_tree_testing.h: a tree of random entries and the same as a plain list, for tests.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/path.h"
#include "base/prng.h"
#include "lib/tree/search.h"
#include "lib/tree/tree.h"

namespace fustor::tree {

struct PathBefore {
  bool operator()(std::string_view a, std::string_view b) const { return PathLess(a, b); }
};

struct RandomTree {
  // Few names, sizes, owners, times and inodes, so that much is equal. A link's attributes are
  // those of its inode.
  RandomTree(std::uint64_t seed, std::uint64_t rows) {
    Prng random(seed);
    std::vector<DirId> dirs = {kRoot};
    std::vector<EntryAttrs> links;
    static const char* const kStems[] = {"a", "b", "data", "x.y", ".rc", "long-name"};
    static const char* const kEnds[] = {"", ".c", ".C", ".txt", ".tar.gz", ".", ".1"};
    for (std::uint64_t i = 0; i < rows; ++i) {
      const std::string name = std::string(kStems[random.Below(6)]) + kEnds[random.Below(7)];
      Entry entry;
      EntryAttrs& a = entry.attrs;
      a.kind = random.Chance(1, 4) ? EntryKind::kDirectory : EntryKind::kFile;
      if (random.Chance(1, 10)) a.kind = static_cast<EntryKind>(2 + random.Below(2));
      a.size_bytes = random.Chance(1, 3) ? random.Between(0, 5) : random.Between(0, 1 << 20);
      a.allocated_bytes = random.Between(0, 3) * 4096;
      a.mtime_ns = random.Between(0, 30) * 100'000'000'000'000;
      a.ctime_ns = random.Between(0, 4);
      a.atime_ns = random.Between(0, 4);
      a.uid = static_cast<std::uint32_t>(random.Below(3));
      a.gid = static_cast<std::uint32_t>(random.Below(3));
      a.inode = 100 + i;
      a.device = 1;
      a.nlink = 1;
      if (a.kind == EntryKind::kFile && random.Chance(1, 6)) {
        a.nlink = 3;
        if (!links.empty() && random.Chance(2, 3)) a = links[random.Below(links.size())];
        links.push_back(a);
      }
      const DirId dir = dirs[random.Below(dirs.size())];
      Entry old;
      if (tree.Get(dir, name, &old)) continue;
      const DirId made = tree.Put(dir, name, entry);
      if (made.value != 0) dirs.push_back(made);
      entries[JoinPath(tree.PathOf(dir), name)] = entry;
    }
    tree.Publish();
  }

  // Calls add(path, row) for everything that matches, in slices.
  template <class Add>
  void Visit(const Snapshot& snapshot, const SearchQuery& query, const Add& add) const {
    std::optional<std::string> after = "";
    while (after) {
      after = Search(snapshot, query, *after, 50, [&](std::string_view path, const auto& row) {
        add(path, row);
        return true;
      });
    }
  }

  Tree tree;
  std::map<std::string, Entry, PathBefore> entries;
};

}  // namespace fustor::tree
