// path_trie.h: values at view paths, kept by directory.
//
// What belongs to all entries of one directory is found with one walk over the path; what lies
// below a directory is removed or moved without touching anything else, and a move costs O(depth)
// however much is below. Values and directories stay at their addresses until they are erased.
// Pure; one owner. No function recurses, so paths may be as deep as path.h allows.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/path.h"

namespace fustor::fusion {

template <class T>
class PathTrie {
 public:
  struct Dir;
  struct Item {
    Dir* dir = nullptr;
    const std::string* name = nullptr;
    T value{};
  };
  struct Dir {
    Dir* parent = nullptr;
    const std::string* name = nullptr;                              // nullptr: the root.
    std::map<std::string, Item, std::less<>> items;                 // Entries of this directory.
    std::map<std::string, std::unique_ptr<Dir>, std::less<>> dirs;  // With something below.
  };

  PathTrie() = default;
  PathTrie(const PathTrie&) = delete;
  ~PathTrie() { Clear(); }

  bool empty() const { return items_ == 0; }
  std::size_t size() const { return items_; }
  // Items and directories: what memory is proportional to.
  std::size_t node_count() const { return items_ + dirs_; }

  // nullptr: nothing is kept in or below that directory. O(depth log n).
  Dir* FindDir(std::string_view path) {
    Dir* dir = &root_;
    for (std::string_view name = NextComponent(&path); !name.empty(); name = NextComponent(&path)) {
      const auto it = dir->dirs.find(name);
      if (it == dir->dirs.end()) return nullptr;
      dir = it->second.get();
    }
    return dir;
  }

  // The directory, made when it is not there: insert into it before anything else is erased.
  Dir* MakeDir(std::string_view path) {
    Dir* dir = &root_;
    for (std::string_view name = NextComponent(&path); !name.empty(); name = NextComponent(&path)) {
      auto it = dir->dirs.find(name);
      if (it == dir->dirs.end()) {
        it = dir->dirs.emplace(std::string(name), std::make_unique<Dir>()).first;
        it->second->parent = dir;
        it->second->name = &it->first;
        ++dirs_;
      }
      dir = it->second.get();
    }
    return dir;
  }

  // nullptr: no value there. The root of the view has no value.
  Item* Find(std::string_view path) {
    const auto [parent, name] = SplitPath(path);
    Dir* dir = name.empty() ? nullptr : FindDir(parent);
    return dir == nullptr ? nullptr : FindIn(dir, name);
  }
  Item* FindIn(Dir* dir, std::string_view name) {
    const auto it = dir->items.find(name);
    return it == dir->items.end() ? nullptr : &it->second;
  }

  // The item, and whether it is new.
  std::pair<Item*, bool> Insert(Dir* dir, std::string_view name) {
    auto it = dir->items.find(name);
    if (it != dir->items.end()) return {&it->second, false};
    it = dir->items.emplace(std::string(name), Item{}).first;
    it->second.dir = dir;
    it->second.name = &it->first;
    ++items_;
    return {&it->second, true};
  }
  std::pair<Item*, bool> Insert(std::string_view path) {
    const auto [parent, name] = SplitPath(path);
    return Insert(MakeDir(parent), name);
  }

  // Also forgets directories that are empty then.
  void Erase(Item* item) {
    Dir* dir = item->dir;
    dir->items.erase(dir->items.find(*item->name));
    --items_;
    Prune(dir);
  }

  // Erases the value at `path` (never there for the root) and all below it; calls on_item(item)
  // just before each. O(depth + values below).
  template <class F>
  void EraseWithin(std::string_view path, F on_item) {
    const auto [parent_path, name] = SplitPath(path);
    if (name.empty()) {
      EraseAll(&root_, on_item);
      return;
    }
    Dir* parent = FindDir(parent_path);
    if (parent == nullptr) return;
    EraseBranch(parent, name, on_item);
    if (Item* item = FindIn(parent, name); item != nullptr) {
      on_item(*item);
      Erase(item);
    } else {
      Prune(parent);
    }
  }

  // The value at `from` and all below it are then at `to`. REQUIRES: nothing is at or below `to`;
  // neither path is the root or lies within the other.
  void Move(std::string_view from, std::string_view to) {
    const auto [from_path, from_name] = SplitPath(from);
    Dir* source = FindDir(from_path);
    if (source == nullptr) return;
    auto item = source->items.find(from_name);
    auto branch = source->dirs.find(from_name);
    if (item == source->items.end() && branch == source->dirs.end()) return;

    const auto [to_path, to_name] = SplitPath(to);
    Dir* target = MakeDir(to_path);
    if (item != source->items.end()) {
      auto node = source->items.extract(item);
      node.key() = to_name;
      const auto placed = target->items.insert(std::move(node)).position;
      placed->second.dir = target;
      placed->second.name = &placed->first;
    }
    if (branch != source->dirs.end()) {
      auto node = source->dirs.extract(branch);
      node.key() = to_name;
      const auto placed = target->dirs.insert(std::move(node)).position;
      placed->second->parent = target;
      placed->second->name = &placed->first;
    }
    Prune(source);
  }

  // Some item; nullptr: there is none. O(depth).
  Item* First() {
    if (items_ == 0) return nullptr;
    Dir* dir = &root_;
    // Directories without an item have one below.
    while (dir->items.empty()) dir = dir->dirs.begin()->second.get();
    return &dir->items.begin()->second;
  }

  // In no order that means anything.
  template <class F>
  void ForEach(F visit) const {
    std::vector<const Dir*> stack{&root_};
    while (!stack.empty()) {
      const Dir* dir = stack.back();
      stack.pop_back();
      for (const auto& [name, item] : dir->items) visit(item);
      for (const auto& [name, below] : dir->dirs) stack.push_back(below.get());
    }
  }

  // The same for items that have none above them, until `visit` returns false.
  template <class F>
  void ForEachTopmost(F visit) const {
    std::vector<const Dir*> stack{&root_};
    while (!stack.empty()) {
      const Dir* dir = stack.back();
      stack.pop_back();
      for (const auto& [name, item] : dir->items) {
        if (!visit(item)) return;
      }
      for (const auto& [name, below] : dir->dirs) {
        if (!dir->items.contains(name)) stack.push_back(below.get());
      }
    }
  }

  static std::string PathOf(const Dir* dir) {
    std::vector<const std::string*> names;
    for (; dir->name != nullptr; dir = dir->parent) names.push_back(dir->name);
    std::string path;
    for (auto it = names.rbegin(); it != names.rend(); ++it) path.append("/").append(**it);
    return path.empty() ? "/" : path;
  }
  static std::string PathOf(const Item& item) { return JoinPath(PathOf(item.dir), *item.name); }

  void Clear() {
    EraseAll(&root_, [](const Item&) {});
  }

 private:
  template <class F>
  void EraseBranch(Dir* parent, std::string_view name, F& on_item) {
    const auto it = parent->dirs.find(name);
    if (it == parent->dirs.end()) return;
    EraseAll(it->second.get(), on_item);
    parent->dirs.erase(it);
    --dirs_;
  }

  // Takes branches apart one by one: a chain of directories must not be destroyed recursively.
  template <class F>
  void EraseAll(Dir* top, F&& on_item) {
    std::vector<std::unique_ptr<Dir>> branches;
    for (Dir* dir = top;;) {
      for (auto& [name, item] : dir->items) on_item(item);
      items_ -= dir->items.size();
      dir->items.clear();
      dirs_ -= dir->dirs.size();
      std::vector<std::unique_ptr<Dir>> found;
      for (auto& [name, below] : dir->dirs) found.push_back(std::move(below));
      dir->dirs.clear();
      if (dir != top) branches.pop_back();  // `dir` is empty and dies here.
      for (auto& below : found) branches.push_back(std::move(below));
      if (branches.empty()) return;
      dir = branches.back().get();
    }
  }

  void Prune(Dir* dir) {
    while (dir->parent != nullptr && dir->items.empty() && dir->dirs.empty()) {
      Dir* parent = dir->parent;
      parent->dirs.erase(parent->dirs.find(*dir->name));
      --dirs_;
      dir = parent;
    }
  }

  Dir root_;
  std::size_t items_ = 0;
  std::size_t dirs_ = 0;
};

}  // namespace fustor::fusion
