#include "lib/tree/diff.h"

#include <gtest/gtest.h>

#include <map>

#include "base/path.h"
#include "base/prng.h"

namespace fustor::tree {
namespace {

// The dumbest model: everything by its path.
using Model = std::map<std::vector<std::string>, Entry>;

std::vector<std::string> Components(std::string_view path) {
  std::vector<std::string> names;
  for (auto name = NextComponent(&path); !name.empty(); name = NextComponent(&path)) {
    names.emplace_back(name);
  }
  return names;
}

std::string PathOf(const std::vector<std::string>& names) {
  std::string path;
  for (const std::string& name : names) path += "/" + name;
  return path.empty() ? "/" : path;
}

void AddBelow(const Snapshot& snapshot, DirId dir, const std::string& path, Model* model) {
  snapshot.ForEachChild(dir, "", [&](const Snapshot::Row& row) {
    const std::string at = path + "/" + std::string(row.name());
    model->emplace(Components(at), row.Load());
    if (row.dir().value != 0) AddBelow(snapshot, row.dir(), at, model);
    return true;
  });
}

Model ModelOf(const Snapshot& snapshot) {
  Model model;
  AddBelow(snapshot, kRoot, "", &model);
  return model;
}

// A difference as a line.
std::string Line(Difference::Kind kind, std::string_view path, std::uint8_t aspects,
                 std::uint64_t before_entries, std::uint64_t after_entries) {
  static constexpr const char* kKinds[] = {"+", "-", "~"};
  return kKinds[static_cast<std::size_t>(kind)] + std::string(path) + " " +
         std::to_string(aspects) + " " + std::to_string(before_entries) + ">" +
         std::to_string(after_entries);
}

using Lines = std::vector<std::string>;

std::uint64_t CountWithin(const Model& model, const std::vector<std::string>& at) {
  std::uint64_t count = 0;
  for (const auto& [names, entry] : model) {
    count += names.size() >= at.size() && std::equal(at.begin(), at.end(), names.begin()) ? 1 : 0;
  }
  return count;
}

Lines Expected(const Model& before, const Model& now, const DiffOptions& options) {
  Model all = before;
  all.insert(now.begin(), now.end());
  Lines lines;
  std::vector<std::string> hidden = {"/"};  // A directory that stands for what is below it.
  const auto directory = [](const Model& model, const auto& names) {
    const auto it = model.find(names);
    return it != model.end() && it->second.attrs.is_directory();
  };
  for (const auto& [names, ignored] : all) {
    if (!IsWithin(PathOf(names), options.under)) continue;
    if (names.size() > hidden.size() && std::equal(hidden.begin(), hidden.end(), names.begin())) {
      continue;
    }
    const auto b = before.find(names);
    const auto n = now.find(names);
    const bool whole = !options.expand && directory(before, names) != directory(now, names);
    if (whole) hidden = names;
    std::uint8_t aspects = 0;
    Difference::Kind kind = Difference::Kind::kChanged;
    if (b == before.end()) {
      kind = Difference::Kind::kAdded;
    } else if (n == now.end()) {
      kind = Difference::Kind::kRemoved;
    } else {
      aspects = AspectsOf(b->second, n->second) & options.aspects;
      if (aspects == 0) continue;
    }
    const std::uint64_t before_entries = whole ? CountWithin(before, names) : 1;
    const std::uint64_t now_entries = whole ? CountWithin(now, names) : 1;
    lines.push_back(Line(kind, PathOf(names), aspects, b == before.end() ? 0 : before_entries,
                         n == now.end() ? 0 : now_entries));
  }
  return lines;
}

Lines Actual(const Snapshot& before, const Snapshot& now, const DiffOptions& options,
             std::uint64_t budget, std::uint64_t stop_every) {
  Lines lines;
  std::string after;
  for (int slices = 0; slices < 100'000; ++slices) {
    const std::optional<std::string> next =
        Diff(before, now, options, after, budget, [&](const Difference& d) {
          EXPECT_EQ(d.before == nullptr, d.kind == Difference::Kind::kAdded);
          EXPECT_EQ(d.after == nullptr, d.kind == Difference::Kind::kRemoved);
          lines.push_back(Line(d.kind, d.path, d.aspects,
                               d.before_sums.files + d.before_sums.directories,
                               d.after_sums.files + d.after_sums.directories));
          return lines.size() % stop_every != 0;
        });
    if (!next) return lines;
    after = *next;
  }
  ADD_FAILURE() << "it does not come to an end";
  return lines;
}

std::string RandomPath(Prng* random) {
  static constexpr const char* kNames[] = {"a", "b", "a-", "a0", "\xff", "c", "dd", "a b"};
  std::string path;
  for (std::uint64_t depth = 1 + random->Below(4); depth > 0; --depth) {
    path += "/" + std::string(kNames[random->Below(8)]);
    if (random->Chance(1, 10)) path += std::to_string(random->Below(300));
  }
  return path;
}

void PutRandom(Tree* tree, const std::string& path, Prng* random) {
  const auto [directory, name] = SplitPath(path);
  Entry entry;
  entry.attrs.kind = static_cast<EntryKind>(random->Below(4));
  entry.attrs.size_bytes = static_cast<std::int64_t>(random->Below(3));
  entry.attrs.mtime_ns = static_cast<std::int64_t>(random->Below(2));
  entry.attrs.mode = static_cast<std::uint32_t>(random->Below(2));
  entry.attrs.inode = random->Below(2);
  if (entry.attrs.kind == EntryKind::kSymlink) entry.target = random->Chance(1, 2) ? "x" : "y";
  tree->Put(tree->EnsureDirectory(directory), name, entry);
}

TEST(Diff, IsWhatTheModelSays) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    Tree before, now;
    const bool large = random.Chance(1, 20);
    for (std::uint64_t i = random.Below(large ? 3000 : 80); i > 0; --i) {
      const std::string path = RandomPath(&random);
      Prng same(i);
      PutRandom(&before, path, &same);
      Prng other(random.Chance(5, 6) ? i : random.Below(1000));
      if (random.Chance(9, 10)) PutRandom(&now, path, &other);
    }
    for (std::uint64_t i = random.Below(8); i > 0; --i) {
      PutRandom(&now, RandomPath(&random), &random);
    }
    before.Publish();
    now.Publish();
    const Snapshot b = before.Pin().value();
    const Snapshot n = now.Pin().value();
    DiffOptions options;
    if (random.Chance(1, 3)) options.under = RandomPath(&random);
    options.aspects = static_cast<std::uint8_t>(random.Below(16));
    options.expand = random.Chance(1, 2);
    const Lines expected = Expected(ModelOf(b), ModelOf(n), options);
    EXPECT_EQ(Actual(b, n, options, UINT64_MAX, UINT64_MAX), expected);
    EXPECT_EQ(Actual(b, n, options, 1 + random.Below(20), UINT64_MAX), expected);
    EXPECT_EQ(Actual(b, n, options, UINT64_MAX, 1 + random.Below(3)), expected);
    EXPECT_EQ(Actual(b, b, options, 7, 1), Lines());
  }
}

TEST(Diff, TellsAspectsApart) {
  Entry before;
  const auto aspects = [&](auto change) {
    Entry after = before;
    change(after);
    return AspectsOf(before, after);
  };
  EXPECT_EQ(aspects([](Entry&) {}), 0);
  EXPECT_EQ(aspects([](Entry& e) { e.attrs.kind = EntryKind::kSymlink; }), kAspectKind);
  EXPECT_EQ(aspects([](Entry& e) { e.attrs.size_bytes = 1; }), kAspectContent);
  EXPECT_EQ(aspects([](Entry& e) { e.attrs.mtime_ns = 1; }), kAspectContent);
  EXPECT_EQ(aspects([](Entry& e) { e.target = "x"; }), kAspectContent);
  EXPECT_EQ(aspects([](Entry& e) { e.attrs.mode = 1; }), kAspectPermissions);
  EXPECT_EQ(aspects([](Entry& e) { e.attrs.uid = e.attrs.gid = 1; }), kAspectPermissions);
  EXPECT_EQ(aspects([](Entry& e) { e.attrs.inode = 1; }), kAspectAttributes);
  EXPECT_EQ(aspects([](Entry& e) { e.attrs.ctime_ns = e.attrs.nlink = 7; }), kAspectAttributes);
  EXPECT_EQ(aspects([](Entry& e) { e.flags = kSuspect; }), 0);
  before.attrs.kind = EntryKind::kDirectory;
  EXPECT_EQ(aspects([](Entry& e) { e.attrs.mtime_ns = e.attrs.size_bytes = 1; }),
            kAspectAttributes);
}

}  // namespace
}  // namespace fustor::tree
