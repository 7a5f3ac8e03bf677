#include "sim/file_system.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>

#include "base/path.h"
#include "base/prng.h"

namespace fustor::sim {
namespace {

constexpr Actor kMe;

// The dumbest file system: paths, and what lies there.
struct ModelNode {
  EntryKind kind = EntryKind::kFile;
  std::uint32_t mode = 0;
  std::int64_t size = 0;
  std::int64_t mtime_ns = 0;
  std::int64_t ctime_ns = 0;
};

class Model {
 public:
  std::map<std::string, std::shared_ptr<ModelNode>> nodes;
  std::int64_t now_ns = 0;

  ModelNode* Find(const std::string& path) {
    const auto it = nodes.find(path);
    return it == nodes.end() ? nullptr : it->second.get();
  }
  bool IsDir(const std::string& path) {
    const ModelNode* node = Find(path);
    return node != nullptr && node->kind == EntryKind::kDirectory;
  }
  bool IsEmpty(const std::string& path) {
    for (const auto& [at, node] : nodes) {
      if (at != path && IsWithin(at, path)) return false;
    }
    return true;
  }
  void Touch(const std::string& path) {
    ModelNode& node = *nodes.at(std::string(SplitPath(path).first));
    node.mtime_ns = node.ctime_ns = now_ns;
  }
  bool Make(const std::string& path, EntryKind kind) {
    if (Find(path) != nullptr) return false;
    nodes[path] = std::make_shared<ModelNode>(ModelNode{kind, 0640, 0, now_ns, now_ns});
    Touch(path);
    return true;
  }
  bool Link(const std::string& from, const std::string& to) {
    if (Find(from) == nullptr || IsDir(from) || Find(to) != nullptr) return false;
    nodes[to] = nodes[from];
    nodes[to]->ctime_ns = now_ns;
    Touch(to);
    return true;
  }
  bool Remove(const std::string& path, bool directory) {
    if (Find(path) == nullptr || IsDir(path) != directory || !IsEmpty(path)) return false;
    nodes[path]->ctime_ns = now_ns;
    nodes.erase(path);
    Touch(path);
    return true;
  }
  bool Rename(const std::string& from, const std::string& to) {
    if (Find(from) == nullptr) return false;
    if (from == to) return true;
    if (IsDir(from) && IsWithin(to, from)) return false;
    if (Find(to) != nullptr) {
      if (nodes[from] == nodes[to]) return true;
      if (IsDir(from) != IsDir(to) || !IsEmpty(to)) return false;
      nodes[to]->ctime_ns = now_ns;
      nodes.erase(to);
    }
    std::map<std::string, std::shared_ptr<ModelNode>> moved;
    for (const auto& [at, node] : nodes) {
      moved[IsWithin(at, from) ? to + at.substr(from.size()) : at] = node;
    }
    nodes = std::move(moved);
    nodes[to]->ctime_ns = now_ns;
    Touch(from);
    Touch(to);
    return true;
  }
  std::uint32_t LinksOf(const std::string& path) {
    std::uint32_t count = IsDir(path) ? 2 : 0;
    for (const auto& [at, node] : nodes) {
      if (!IsDir(path)) {
        count += node == nodes[path] ? 1 : 0;
      } else if (at != path && node->kind == EntryKind::kDirectory) {
        count += SplitPath(at).first == path ? 1 : 0;
      }
    }
    return count;
  }
};

class Against {
 public:
  explicit Against(std::uint64_t seed)
      : prng_(seed),
        world_(seed),
        fs_(world_, {.granularity = Nanos(1), .reuse_inodes = seed % 2 == 0}) {
    model_.now_ns = fs_.Now().ns;
    model_.nodes["/"] = std::make_shared<ModelNode>(
        ModelNode{EntryKind::kDirectory, 0755, 0, model_.now_ns, model_.now_ns});
  }

  void Step() {
    world_.RunFor(Micros(1));
    model_.now_ns = fs_.Now().ns;
    const std::string path = Path();
    const auto [dir, name] = At(path);
    switch (prng_.Below(8)) {
      case 0:
        return Same(fs_.Create(kMe, dir, name, 0640).ok(), model_.Make(path, EntryKind::kFile));
      case 1:
        return Same(fs_.MakeDirectory(kMe, dir, name, 0640).ok(),
                    model_.Make(path, EntryKind::kDirectory));
      case 2: {
        const std::string to = Path();
        const auto [to_dir, to_name] = At(to);
        return Same(fs_.Link(kMe, dir, name, to_dir, to_name).ok(), model_.Link(path, to));
      }
      case 3:
        return Same(fs_.Unlink(kMe, dir, name).ok(), model_.Remove(path, false));
      case 4:
        return Same(fs_.RemoveDirectory(kMe, dir, name).ok(), model_.Remove(path, true));
      case 5: {
        const bool ok = model_.Find(path) != nullptr && !model_.IsDir(path);
        if (ok) {
          ModelNode& node = *model_.Find(path);
          node.size = 7;
          node.mtime_ns = node.ctime_ns = model_.now_ns;
        }
        return Same(fs_.Truncate(kMe, dir, name, 7).ok(), ok);
      }
      default: {
        const std::string to = Path();
        const auto [to_dir, to_name] = At(to);
        return Same(fs_.Rename(kMe, dir, name, to_dir, to_name).ok(), model_.Rename(path, to));
      }
    }
  }

  void Compare() {
    const auto truth = fs_.Everything();
    ASSERT_EQ(truth.size(), model_.nodes.size());
    std::map<std::uint64_t, std::shared_ptr<ModelNode>> by_inode;
    for (const auto& [path, is] : truth) {
      SCOPED_TRACE(path);
      const ModelNode* want = model_.Find(path);
      ASSERT_NE(want, nullptr);
      EXPECT_EQ(is.attrs.kind, want->kind);
      EXPECT_EQ(is.attrs.nlink, model_.LinksOf(path));
      EXPECT_EQ(is.attrs.mtime_ns, want->mtime_ns);
      EXPECT_EQ(is.attrs.ctime_ns, want->ctime_ns);
      if (want->kind == EntryKind::kFile) EXPECT_EQ(is.attrs.size_bytes, want->size);
      const auto [same, fresh] = by_inode.emplace(is.attrs.inode, model_.nodes[path]);
      EXPECT_EQ(same->second, model_.nodes[path]) << "two files with one inode";
      if (want->kind == EntryKind::kDirectory) {
        EXPECT_EQ(fs_.PathOf(*fs_.Resolve(path)), path);
      }
    }
    EXPECT_EQ(fs_.size(), truth.size());
  }

 private:
  void Same(bool got, bool want) { EXPECT_EQ(got, want); }
  std::string Path() {
    std::vector<std::string> dirs;
    for (const auto& [path, node] : model_.nodes) {
      if (node->kind == EntryKind::kDirectory) dirs.push_back(path);
    }
    return JoinPath(dirs[prng_.Below(dirs.size())],
                    std::string(1, static_cast<char>('a' + prng_.Below(4))));
  }
  std::pair<NodeId, std::string> At(const std::string& path) {
    const auto [dir, name] = SplitPath(path);
    return {*fs_.Resolve(dir), std::string(name)};
  }

  Prng prng_;
  World world_;
  FileSystem fs_;
  Model model_;
};

TEST(FileSystem, AgreesWithTheDumbestModel) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(seed);
    Against against(seed);
    for (int step = 0; step < 300 && !testing::Test::HasFailure(); ++step) against.Step();
    against.Compare();
    if (testing::Test::HasFailure()) return;
  }
}

class FileSystemTest : public testing::Test {
 protected:
  World world_{1};
  FileSystem fs_{world_, {}};
};

TEST_F(FileSystemTest, TimesAreCutToTheGranularity) {
  FileSystem coarse(world_, {.granularity = Seconds(2)});
  world_.RunFor(Millis(2500));
  const NodeId file = *coarse.Create(kMe, FileSystem::kRoot, "f", 0644);
  EXPECT_EQ(coarse.AttrsOf(file).mtime_ns % 2'000'000'000, 0);
  EXPECT_LE(coarse.AttrsOf(file).mtime_ns, world_.wall().ns);
}

TEST_F(FileSystemTest, AnOpenFileLivesOnWithoutAName) {
  const NodeId file = *fs_.Create(kMe, FileSystem::kRoot, "f", 0644);
  const OpenId open = *fs_.Open(FileSystem::kRoot, "f");
  ASSERT_TRUE(fs_.Unlink(kMe, FileSystem::kRoot, "f").ok());
  EXPECT_TRUE(fs_.Exists(file));
  fs_.Write(kMe, open, 9);
  EXPECT_EQ(fs_.AttrsOf(file).size_bytes, 9);
  fs_.Close(kMe, open);
  EXPECT_FALSE(fs_.Exists(file));
}

TEST_F(FileSystemTest, InodeNumbersComeBackWhenThatIsAskedFor) {
  FileSystem reusing(world_, {.reuse_inodes = true});
  const NodeId first = *reusing.Create(kMe, FileSystem::kRoot, "f", 0644);
  const std::uint64_t inode = reusing.AttrsOf(first).inode;
  ASSERT_TRUE(reusing.Unlink(kMe, FileSystem::kRoot, "f").ok());
  const NodeId second = *reusing.MakeDirectory(kMe, FileSystem::kRoot, "d", 0755);
  EXPECT_EQ(reusing.AttrsOf(second).inode, inode);
  EXPECT_NE(first, second);
}

TEST_F(FileSystemTest, OnlyTheNameThatWasUsedIsTold) {
  fs_.Create(kMe, FileSystem::kRoot, "f", 0644).value();
  const auto told = [&](const char* path) { return fs_.Everything().at(path).told; };
  EXPECT_TRUE(told("/f"));
  ASSERT_TRUE(fs_.Link(kMe, FileSystem::kRoot, "f", FileSystem::kRoot, "g").ok());
  EXPECT_FALSE(told("/f"));
  EXPECT_TRUE(told("/g"));
  ASSERT_TRUE(fs_.SetMode(kMe, FileSystem::kRoot, "f", 0600).ok());
  EXPECT_TRUE(told("/f"));
  EXPECT_FALSE(told("/g"));
  ASSERT_TRUE(fs_.Unlink(kMe, FileSystem::kRoot, "g").ok());
  EXPECT_FALSE(told("/f"));
}

}  // namespace
}  // namespace fustor::sim
