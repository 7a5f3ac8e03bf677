// The tree against the dumbest model: a map of paths that recounts everything.

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <map>
#include <set>
#include <tuple>

#include "base/path.h"
#include "base/prng.h"
#include "lib/tree/tree.h"

namespace fustor::tree {
namespace {

bool IsLink(const EntryAttrs& a) { return a.nlink > 1 && a.inode != 0 && !a.is_directory(); }
auto KeyOf(const EntryAttrs& a) { return std::tuple(a.device, a.inode, a.kind); }

struct Model {
  std::map<std::string, Entry> entries;  // By path, without the root.
  Entry root;

  std::map<std::string, Entry> Children(const std::string& dir) const {
    std::map<std::string, Entry> children;
    for (const auto& [path, entry] : entries) {
      const auto [parent, name] = SplitPath(path);
      if (parent == dir) children[std::string(name)] = entry;
    }
    return children;
  }
  Aggregates Recount(const std::string& dir) const {
    Aggregates sums;
    std::set<std::tuple<std::uint64_t, std::uint64_t, EntryKind>> seen;
    const auto add = [&](const EntryAttrs& a) {
      sums.latest_mtime_ns = std::max(sums.latest_mtime_ns, a.mtime_ns);
      if (a.is_directory()) {
        ++sums.directories;
        sums.allocated_bytes += static_cast<std::uint64_t>(a.allocated_bytes);
        return;
      }
      ++sums.files;
      if (IsLink(a) && !seen.insert(KeyOf(a)).second) return;
      sums.bytes += static_cast<std::uint64_t>(a.size_bytes);
      sums.allocated_bytes += static_cast<std::uint64_t>(a.allocated_bytes);
    };
    if (dir == "/") add(root.attrs);
    for (const auto& [path, entry] : entries) {
      if (IsWithin(path, dir)) add(entry.attrs);
    }
    return sums;
  }
  std::uint64_t Erase(const std::string& top) {
    return std::erase_if(entries, [&](const auto& e) { return IsWithin(e.first, top); });
  }
  void Put(const std::string& path, const Entry& entry) {
    const auto old = entries.find(path);
    if (old != entries.end() && !(old->second.attrs.is_directory() && entry.attrs.is_directory())) {
      Erase(path);
    }
    if (IsLink(entry.attrs)) {
      for (auto& [other, e] : entries) {
        if (!IsLink(e.attrs) || KeyOf(e.attrs) != KeyOf(entry.attrs)) continue;
        e.attrs = entry.attrs;
        e.target = entry.target;
      }
    }
    entries[path] = entry;
  }
  void Ensure(const std::string& path) {
    if (path == "/") return;
    Ensure(std::string(SplitPath(path).first));
    const auto it = entries.find(path);
    if (it != entries.end() && it->second.attrs.is_directory()) return;
    Entry implied;
    implied.attrs.kind = EntryKind::kDirectory;
    implied.attrs.mode = 0040000;
    implied.flags = kImplied;
    Put(path, implied);
  }
  Code Move(const std::string& from, const std::string& to) {
    const auto it = entries.find(from);
    if (it == entries.end()) return Code::kNotFound;
    if (from == to) return Code::kOk;
    if (IsWithin(to, from) && it->second.attrs.is_directory()) return Code::kFailedPrecondition;
    if (IsWithin(from, to)) return Code::kFailedPrecondition;
    std::map<std::string, Entry> moved;
    for (const auto& [path, entry] : entries) {
      if (IsWithin(path, from)) moved[to + path.substr(from.size())] = entry;
    }
    Erase(from);
    Erase(to);
    entries.merge(moved);
    return Code::kOk;
  }
  std::vector<std::string> Directories() const {
    std::vector<std::string> paths = {"/"};
    for (const auto& [path, entry] : entries) {
      if (entry.attrs.is_directory()) paths.push_back(path);
    }
    return paths;
  }
};

std::string Print(const Aggregates& a) {
  return std::to_string(a.files) + " files, " + std::to_string(a.directories) + " dirs, " +
         std::to_string(a.bytes) + " bytes, " + std::to_string(a.allocated_bytes) +
         " allocated, latest " + std::to_string(a.latest_mtime_ns);
}

void ExpectSame(const Entry& want, const Entry& got, const std::string& path) {
  ASSERT_TRUE(want.attrs == got.attrs) << path;
  ASSERT_EQ(want.flags, got.flags) << path;
  ASSERT_EQ(want.reporter, got.reporter) << path;
  ASSERT_EQ(want.confirmed_ns, got.confirmed_ns) << path;
  ASSERT_EQ(want.target, got.target) << path;
  ASSERT_EQ(want.attrs.is_directory(), got.dir.value != 0) << path;
}

void ExpectSums(const Aggregates& want, const Aggregates& got, const std::string& path) {
  ASSERT_EQ(want, got) << path << ": " << Print(want) << " / " << Print(got);
}

void CompareWriter(const Model& model, Tree* tree) {
  const Result<void> check = tree->CheckInvariants();
  ASSERT_TRUE(check.ok()) << check.status().ToString();
  ExpectSame(model.root, tree->GetRoot(), "/");
  for (const std::string& path : model.Directories()) {
    const auto dir = tree->FindDirectory(path);
    ASSERT_TRUE(dir.has_value()) << path;
    ASSERT_EQ(tree->PathOf(*dir), path);
    const auto children = model.Children(path);
    ASSERT_EQ(tree->ChildCount(*dir), children.size()) << path;
    ASSERT_NO_FATAL_FAILURE(ExpectSums(model.Recount(path), tree->AggregatesOf(*dir), path));
    auto want = children.begin();
    tree->ForEachChild(*dir, [&](std::string_view name, const Entry& entry) {
      EXPECT_TRUE(want != children.end() && want->first == name) << path;
      if (want == children.end()) return false;
      ExpectSame(want->second, entry, path + "/" + want->first);
      Entry got;
      EXPECT_TRUE(tree->Get(*dir, name, &got));
      ExpectSame(want->second, got, path);
      ++want;
      return !testing::Test::HasFatalFailure();
    });
    ASSERT_TRUE(want == children.end()) << path;
  }
}

void CompareSnapshot(const Model& model, const Snapshot& snapshot, Prng* random) {
  ExpectSame(model.root, snapshot.Root(), "/");
  for (const auto& [path, entry] : model.entries) {
    const auto got = snapshot.Find(path);
    ASSERT_TRUE(got.has_value()) << path << " at " << snapshot.revision();
    ASSERT_NO_FATAL_FAILURE(ExpectSame(entry, *got, path));
    ASSERT_EQ(entry.attrs.is_directory(),
              snapshot.Find(path + "/x").has_value() || entry.attrs.is_directory());
  }
  ASSERT_FALSE(snapshot.Find("/no such name").has_value());
  for (const std::string& path : model.Directories()) {
    const DirId dir = snapshot.Find(path)->dir;
    ASSERT_EQ(snapshot.PathOf(dir), path);
    const auto children = model.Children(path);
    ASSERT_EQ(snapshot.ChildCount(dir), children.size());
    ASSERT_NO_FATAL_FAILURE(ExpectSums(model.Recount(path), snapshot.AggregatesOf(dir), path));
    const std::string after =
        random->Chance(1, 2) || children.empty()
            ? std::string()
            : std::next(children.begin(),
                        static_cast<std::ptrdiff_t>(random->Below(children.size())))
                  ->first;
    auto want = after.empty() ? children.begin() : children.upper_bound(after);
    const bool all = snapshot.ForEachChild(dir, after, [&](const Snapshot::Row& row) {
      EXPECT_TRUE(want != children.end() && want->first == row.name()) << path;
      if (want == children.end()) return false;
      const Entry& entry = want->second;
      ExpectSame(entry, row.Load(), path + "/" + want->first);
      EXPECT_EQ(row.kind(), entry.attrs.kind);
      EXPECT_EQ(row.size_bytes(), entry.attrs.size_bytes);
      EXPECT_EQ(row.mtime_ns(), entry.attrs.mtime_ns);
      EXPECT_EQ(row.flags(), entry.flags);
      EXPECT_EQ(row.dir().value != 0, entry.attrs.is_directory());
      ++want;
      return !testing::Test::HasFailure();
    });
    ASSERT_TRUE(all && want == children.end()) << path;
  }
}

// A copy of a tree that knows nothing but the edits.
struct Copy final : EditObserver {
  struct Known {
    EntryAttrs attrs;
    std::uint8_t flags = 0;
    std::string target;
    friend bool operator==(const Known&, const Known&) = default;
  };
  std::map<std::string, Known> entries;

  explicit Copy(const Entry& root) { entries["/"] = {root.attrs, root.flags, root.target}; }

  void OnEdit(const Edit& edit) override {
    const std::string path(edit.path);
    switch (edit.kind) {
      case Edit::Kind::kCreated:
        EXPECT_FALSE(entries.contains(path)) << path;
        EXPECT_TRUE(entries.at(std::string(SplitPath(path).first)).attrs.is_directory()) << path;
        break;
      case Edit::Kind::kUpdated: {
        const Known& before = entries.at(path);
        EXPECT_TRUE(before.attrs == *edit.attrs_before) << path;
        EXPECT_EQ(before.flags, edit.flags_before) << path;
        EXPECT_EQ(before.target != edit.target, edit.target_changed) << path;
        EXPECT_EQ(before.attrs.is_directory(), edit.attrs->is_directory()) << path;
        break;
      }
      case Edit::Kind::kRemoved: {
        const Known last{*edit.attrs, edit.flags, std::string(edit.target)};
        EXPECT_TRUE(entries.at(path) == last) << path;
        std::erase_if(entries, [&](const auto& e) { return IsWithin(e.first, path); });
        return;
      }
      case Edit::Kind::kMoved:
        EXPECT_FALSE(entries.contains(path)) << path;
        Carry(std::string(edit.old_path), path);
        break;
    }
    entries[path] = {*edit.attrs, edit.flags, std::string(edit.target)};
  }
  void OnClear() override {
    std::erase_if(entries, [](const auto& e) { return e.first != "/"; });
  }
  void Carry(const std::string& from, const std::string& to) {
    std::map<std::string, Known> carried;
    for (const auto& [path, known] : entries) {
      if (IsWithin(path, from)) carried[to + path.substr(from.size())] = known;
    }
    EXPECT_FALSE(carried.empty()) << from;
    std::erase_if(entries, [&](const auto& e) { return IsWithin(e.first, from); });
    entries.merge(carried);
  }
  void Compare(const Model& model) const {
    ASSERT_EQ(entries.size(), model.entries.size() + 1);
    const auto same = [](const Entry& e, const Known& known) {
      return known == Known{e.attrs, e.flags, e.target};
    };
    ASSERT_TRUE(same(model.root, entries.at("/")));
    for (const auto& [path, entry] : model.entries) {
      const auto it = entries.find(path);
      ASSERT_TRUE(it != entries.end()) << path;
      ASSERT_TRUE(same(entry, it->second)) << path;
    }
  }
};

struct Shape {
  const char* what;
  std::uint64_t names, ops, compare_every, directories_in_10, links_in_10, inodes, clears_in_10000;
};

class Player {
 public:
  Player(std::uint64_t seed, const Shape& shape) : random_(seed), shape_(shape) {
    model_.root = tree_.GetRoot();
    seen_.fill("/");
    tree_.Observe(&copy_);
  }

  void Play() {
    for (std::uint64_t i = 0; i < shape_.ops; ++i) {
      Step();
      if (random_.Chance(1, 10)) ASSERT_NO_FATAL_FAILURE(PublishAndPin());
      if (i % shape_.compare_every == 0) {
        ASSERT_NO_FATAL_FAILURE(CompareWriter(model_, &tree_));
        ASSERT_NO_FATAL_FAILURE(copy_.Compare(model_));
      }
      if (testing::Test::HasFailure()) FAIL() << "after operation " << i;
    }
    tree_.Publish();
    ASSERT_NO_FATAL_FAILURE(CompareWriter(model_, &tree_));
    ASSERT_NO_FATAL_FAILURE(copy_.Compare(model_));
    for (auto& [snapshot, model] : pins_) {
      ASSERT_NO_FATAL_FAILURE(CompareSnapshot(model, snapshot, &random_));
    }
    pins_.clear();
    tree_.Publish();
    EXPECT_EQ(tree_.memory().retired_bytes, 0u);
    EXPECT_EQ(tree_.memory().entries, model_.entries.size() + 1);
    auto last = tree_.Pin();
    ASSERT_NO_FATAL_FAILURE(CompareSnapshot(model_, *last, &random_));
  }

 private:
  std::string Name() {
    const std::uint64_t n = random_.Below(shape_.names);
    return n % 3 == 0 ? "n" + std::to_string(n) : "name-" + std::to_string(n * n);
  }
  std::string Dir() {
    const auto paths = model_.Directories();
    return paths[random_.Below(paths.size())];
  }
  std::int64_t Number() {
    if (random_.Chance(1, 40)) return INT64_MIN;
    if (random_.Chance(1, 40)) return INT64_MAX;
    return random_.Between(0, random_.Chance(1, 2) ? 5 : 5'000'000'000'000);
  }
  Entry RandomEntry() {
    Entry e;
    const std::uint64_t kind = random_.Below(10);
    e.attrs.kind = kind < shape_.directories_in_10 ? EntryKind::kDirectory
                   : kind == 8                     ? EntryKind::kSymlink
                   : kind == 9                     ? EntryKind::kOther
                                                   : EntryKind::kFile;
    e.attrs.mode = static_cast<std::uint32_t>(random_.Next());
    e.attrs.uid = static_cast<std::uint32_t>(random_.Below(3));
    e.attrs.inode = random_.Below(100'000);
    e.attrs.device = random_.Below(3);
    if (random_.Chance(shape_.links_in_10, 10)) {
      e.attrs.inode = random_.Below(shape_.inodes);
      e.attrs.device = random_.Below(shape_.inodes) / 2;
      e.attrs.nlink = static_cast<std::uint32_t>(1 + random_.Below(3));
    }
    e.attrs.size_bytes = Number();
    e.attrs.allocated_bytes = Number();
    e.attrs.mtime_ns = Number();
    e.attrs.ctime_ns = Number();
    e.attrs.atime_ns = Number();
    e.flags = static_cast<std::uint8_t>(random_.Below(32));
    e.reporter = static_cast<std::uint16_t>(random_.Below(70'000));
    e.confirmed_ns = Number();
    if (e.attrs.kind == EntryKind::kSymlink) e.target = "to/" + Name();
    return e;
  }

  void Step() {
    const std::string dir = shape_.directories_in_10 < 2 && random_.Chance(9, 10) ? "/" : Dir();
    const std::string path = JoinPath(dir, Name());
    const std::string name(SplitPath(path).second);
    // Often of what is long gone: a hint needs no truth.
    if (random_.Chance(1, 2)) tree_.Foresee(JoinPath(seen_[random_.Below(seen_.size())], "x"));
    seen_[random_.Below(seen_.size())] = dir;
    const DirId id = *tree_.FindDirectory(dir);
    if (random_.Chance(shape_.clears_in_10000, 10'000)) {
      tree_.Clear();
      model_.entries.clear();
      return;
    }
    const std::uint64_t what = random_.Below(1000);
    if (what < 500) {
      Entry entry = RandomEntry();
      const auto old = model_.entries.find(path);
      if (old != model_.entries.end() && random_.Chance(1, 3)) {
        entry = old->second;
        entry.confirmed_ns = Number();
        if (random_.Chance(1, 2)) entry.attrs.mtime_ns = Number();
        if (random_.Chance(1, 2)) entry.attrs.size_bytes = Number();
      }
      const DirId made = tree_.Put(id, name, entry);
      ASSERT_EQ(made.value != 0, entry.attrs.is_directory());
      model_.Put(path, entry);
    } else if (what < 500 + (shape_.names > 100 ? 150 : 250)) {
      ASSERT_EQ(tree_.Erase(id, name), model_.Erase(path)) << path;
    } else if (what < 930) {
      const std::string to = JoinPath(Dir(), Name());
      const auto [to_dir, to_name] = SplitPath(to);
      const auto moved = tree_.Move(id, name, *tree_.FindDirectory(to_dir), to_name);
      ASSERT_EQ(moved.status().code(), model_.Move(path, to)) << path << " to " << to;
    } else if (what < 930 + 20 * shape_.directories_in_10) {
      const std::string deep = JoinPath(path, Name());
      const DirId made = tree_.EnsureDirectory(deep);
      model_.Ensure(deep);
      ASSERT_EQ(tree_.PathOf(made), deep);
    } else if (what < 990) {
      Entry root = RandomEntry();
      root.attrs.kind = EntryKind::kDirectory;
      root.target.clear();
      tree_.PutRoot(root);
      model_.root = root;
    } else {
      ASSERT_NO_FATAL_FAILURE(ExpectSums(model_.Recount(dir), tree_.AggregatesOf(id), dir));
    }
  }

  void PublishAndPin() {
    tree_.Publish();
    if (random_.Chance(1, 3)) pins_.emplace_back(*tree_.Pin(), model_);
    if (pins_.size() < 5 || !random_.Chance(2, 3)) return;
    const auto at = pins_.begin() + static_cast<std::ptrdiff_t>(random_.Below(pins_.size()));
    CompareSnapshot(at->second, at->first, &random_);
    pins_.erase(at);
  }

  Prng random_;
  Shape shape_;
  Tree tree_;
  Copy copy_{tree_.GetRoot()};
  Model model_;
  std::array<std::string, 30> seen_;  // Directories that there were.
  std::vector<std::pair<Snapshot, Model>> pins_;
};

TEST(TreeProperty, BehavesAsAMapOfPathsInEveryRevision) {
  constexpr Shape kShapes[] = {
      {"crowded", 5, 4000, 7, 4, 3, 5, 30},
      {"links", 8, 3000, 11, 3, 10, 5, 10},
      {"many links of few", 20, 2000, 25, 2, 9, 2, 3},
      {"broad", 40, 2000, 40, 2, 2, 5, 3},
      {"one big directory", 900, 5000, 500, 0, 1, 30, 0},
      {"big directories", 700, 6000, 600, 1, 3, 20, 1},
  };
  const char* const rounds = std::getenv("FUSTOR_TREE_ROUNDS");
  const std::uint64_t seeds = rounds != nullptr ? std::strtoull(rounds, nullptr, 10) : 4;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    for (const Shape& shape : kShapes) {
      SCOPED_TRACE(std::string(shape.what) + ", seed " + std::to_string(seed));
      Player player(seed, shape);
      ASSERT_NO_FATAL_FAILURE(player.Play());
    }
  }
}

}  // namespace
}  // namespace fustor::tree
