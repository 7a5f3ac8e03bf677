#include "lib/checkpoint/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "base/crc32c.h"
#include "base/prng.h"
#include "lib/checkpoint/checkpoint_testing.h"
#include "lib/checkpoint/format.h"

namespace fustor::checkpoint {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kNow = 1'790'000'000'000'000'000;

std::string RandomName(Prng& prng) {
  if (prng.Chance(1, 50)) return std::string(255, static_cast<char>(1 + prng.Below(46)));
  std::string name = prng.Chance(1, 2) ? "file-" : "";
  const std::size_t size = 1 + prng.Below(8);
  for (std::size_t i = 0; i < size; ++i) {
    const char c = static_cast<char>(1 + prng.Below(255));
    name += c == '/' ? '_' : c;
  }
  return name == "." || name == ".." ? "x" : name;
}

std::int64_t RandomTime(Prng& prng) {
  if (prng.Chance(1, 20)) return static_cast<std::int64_t>(prng.Next());
  const std::int64_t second = 1'000'000'000;
  const std::int64_t time = kNow - prng.Between(0, 400 * 86'400 * second);
  return prng.Chance(1, 3) ? time / second * second : time;
}

tree::Entry RandomEntry(Prng& prng, std::size_t reporters) {
  tree::Entry entry;
  EntryAttrs& a = entry.attrs;
  a.kind = static_cast<EntryKind>(prng.Below(4));
  a.mode = prng.Chance(1, 9) ? static_cast<std::uint32_t>(prng.Next()) : 0100644;
  a.uid = static_cast<std::uint32_t>(prng.Below(3));
  a.gid = prng.Chance(1, 9) ? UINT32_MAX : 7;
  a.nlink = static_cast<std::uint32_t>(prng.Chance(1, 5) ? 1 + prng.Below(3) : 1);
  a.inode = prng.Chance(1, 9) ? prng.Next() : prng.Below(40);
  a.device = prng.Chance(1, 9) ? prng.Next() : 5;
  a.size_bytes = prng.Chance(1, 20) ? static_cast<std::int64_t>(prng.Next())
                                    : static_cast<std::int64_t>(prng.Below(1'000'000));
  a.allocated_bytes = prng.Chance(1, 2) ? (a.size_bytes / 4096 + 1) * 4096
                                        : static_cast<std::int64_t>(prng.Below(1 << 20));
  a.mtime_ns = RandomTime(prng);
  a.ctime_ns = prng.Chance(1, 2) ? a.mtime_ns : RandomTime(prng);
  a.atime_ns = prng.Chance(1, 2) ? a.mtime_ns : RandomTime(prng);
  entry.flags = static_cast<std::uint8_t>(prng.Below(16));
  entry.reporter = static_cast<std::uint16_t>(prng.Below(reporters));
  entry.confirmed_ns = kNow;
  if (a.kind == EntryKind::kSymlink) entry.target = RandomName(prng);
  return entry;
}

void Fill(Prng& prng, std::size_t entries, std::size_t reporters, tree::Tree* tree) {
  std::vector<tree::DirId> dirs = {tree::kRoot};
  for (std::size_t i = 0; i < entries; ++i) {
    const tree::DirId dir = dirs[prng.Below(dirs.size())];
    const std::string name = RandomName(prng);
    tree::Entry was;
    if (tree->Get(dir, name, &was)) continue;
    const tree::DirId made = tree->Put(dir, name, RandomEntry(prng, reporters));
    if (made == tree::DirId{}) continue;
    dirs.push_back(made);
    if (prng.Chance(2, 3)) tree->NoteListed(made, static_cast<std::uint32_t>(prng.Next()));
  }
  tree->Publish();
}

Header SomeHeader(std::size_t reporters = 3) {
  Header header;
  header.view_id = "v";
  header.source = "/data";
  header.written_at = {kNow};
  header.fresh_until = {kNow - 5};
  for (std::size_t i = 0; i < reporters; ++i) header.reporters.push_back({std::to_string(i), "/d"});
  return header;
}

std::string DumpOf(const tree::Tree& tree) { return Dump(tree.Pin().value()); }

TEST(Checkpoint, GivesTheTreeBack) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Prng prng(seed);
    tree::Tree from;
    Fill(prng, seed % 7 == 0 ? 20'000 : prng.Below(400), 3, &from);
    const std::string bytes = EncodeAll(SomeHeader(), from);

    tree::Tree to;
    Loader loader({.view_id = "v", .source = "/data", .revision_min = 1000}, to);
    ASSERT_EQ(LoadAll(bytes, 1 + prng.Below(100'000), &loader), Status());
    EXPECT_EQ(DumpOf(to), DumpOf(from));
    EXPECT_TRUE(to.CheckInvariants().ok()) << to.CheckInvariants().status().message();
    EXPECT_GE(to.revision(), std::max<tree::Revision>(from.revision(), 1000));
    Header header = SomeHeader();
    header.revision = from.revision();
    header.entries = loader.entries();
    EXPECT_EQ(loader.header(), header);
    EXPECT_EQ(to.memory().entries, from.memory().entries);
  }
}

TEST(Checkpoint, OfARevisionThatIsHeld) {
  tree::Tree from;
  Prng prng(1);
  Fill(prng, 3000, 3, &from);
  const std::string before = DumpOf(from);
  Encoder encoder(SomeHeader(), from.Pin().value());
  std::string bytes;
  while (encoder.Next(&bytes).value()) Fill(prng, 300, 3, &from);  // Who edits is not stopped.
  tree::Tree to;
  Loader loader({}, to);
  ASSERT_EQ(LoadAll(bytes, 4096, &loader), Status());
  EXPECT_EQ(DumpOf(to), before);
}

TEST(Checkpoint, NothingIsConfirmedOrUncertain) {
  tree::Tree from;
  tree::Entry entry;
  entry.flags = tree::kUncertain | tree::kSuspect | tree::kKnownByAgent;
  entry.confirmed_ns = kNow;
  entry.attrs.mtime_ns = 17;
  const tree::DirId dir = from.EnsureDirectory("/a/b");
  from.Put(dir, "f", entry);
  from.Publish();
  std::vector<std::string> suspects;
  tree::Tree to;
  Loader::Options options;
  options.on_suspect = [&](std::string_view directory, std::string_view name, std::int64_t mtime) {
    suspects.push_back(std::string(directory) + "|" + std::string(name) + std::to_string(mtime));
  };
  Loader loader(options, to);
  ASSERT_EQ(LoadAll(EncodeAll(SomeHeader(), from), 100, &loader), Status());
  const tree::Entry loaded = to.Pin().value().Find("/a/b/f").value();
  EXPECT_EQ(loaded.confirmed_ns, 0);
  EXPECT_EQ(loaded.flags, tree::kSuspect | tree::kKnownByAgent);
  EXPECT_THAT(suspects, testing::ElementsAre("/a/b|f17"));
}

TEST(Checkpoint, AnyDamageIsFound) {
  tree::Tree from;
  Prng prng(3);
  Fill(prng, 60, 3, &from);
  const std::string bytes = EncodeAll(SomeHeader(), from);
  const std::string empty = DumpOf(tree::Tree());
  tree::Tree to;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ (1 << prng.Below(8)));
    Loader loader({}, to);
    const Status status = LoadAll(damaged, 1 + prng.Below(200), &loader);
    EXPECT_FALSE(status.ok()) << "byte " << i;
    if (!loader.complete()) loader.Abandon();
    ASSERT_FALSE(loader.complete()) << "byte " << i;
    ASSERT_EQ(DumpOf(to), empty) << "byte " << i;
  }
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    Loader loader({}, to);
    EXPECT_EQ(LoadAll(bytes.substr(0, size), 77, &loader).code(), Code::kDataLoss) << size;
    loader.Abandon();
    ASSERT_EQ(DumpOf(to), empty) << size;
  }
  Loader loader({}, to);
  EXPECT_EQ(LoadAll(bytes + "x", 50, &loader).code(), Code::kDataLoss) << "something behind it";
}

// Frames in another order have right checksums of their own, but not behind one another.
TEST(Checkpoint, FramesKnowTheirPlace) {
  tree::Tree from;
  Prng prng(5);
  Fill(prng, 9000, 3, &from);
  const std::string bytes = EncodeAll(SomeHeader(), from);
  std::vector<std::string> frames;
  for (std::size_t at = kHeadBytes; at < bytes.size(); at += frames.back().size()) {
    frames.push_back(bytes.substr(at, kFrameHeadBytes + GetU32(bytes.substr(at))));
  }
  ASSERT_GE(frames.size(), 5u);
  const auto join = [&](std::vector<std::string> parts) {
    std::string all = bytes.substr(0, kHeadBytes);
    for (const std::string& part : parts) all += part;
    return all;
  };
  std::vector<std::string> swapped = frames, without = frames, twice = frames;
  std::swap(swapped[2], swapped[3]);
  without.erase(without.begin() + 2);
  twice.insert(twice.begin() + 2, frames[2]);
  for (const auto& parts : {swapped, without, twice}) {
    tree::Tree to;
    Loader loader({}, to);
    const Status status = LoadAll(join(parts), 4096, &loader);
    EXPECT_EQ(status.code(), Code::kDataLoss);
    EXPECT_THAT(status.message(), HasSubstr("checksum"));
  }
}

TEST(Checkpoint, OfAnotherVersionViewSourceOrSize) {
  tree::Tree from;
  Prng prng(7);
  Fill(prng, 50, 3, &from);
  const std::string bytes = EncodeAll(SomeHeader(), from);
  const auto status_with = [&](Loader::Options options, const std::string& text) {
    tree::Tree to;
    Loader loader(std::move(options), to);
    const Status status = LoadAll(text, 64, &loader);
    EXPECT_EQ(to.memory().entries, 1u);
    return status;
  };
  std::string version(kMagic);
  PutU32(kVersion + 1, &version);
  PutU32(Crc32c(version), &version);
  EXPECT_EQ(status_with({}, version + bytes.substr(kHeadBytes)).code(), Code::kUnimplemented);
  EXPECT_EQ(status_with({}, "%PDF-1.4 and so on and on").message(), "this is no checkpoint");
  EXPECT_EQ(status_with({.view_id = "w"}, bytes).message(), "it is of view 'v'");
  EXPECT_EQ(status_with({.source = "/other"}, bytes).message(), "it is of '/data'");
  EXPECT_EQ(status_with({.entries_max = 9}, bytes).code(), Code::kResourceExhausted);
}

TEST(Checkpoint, LinksAreCountedOnce) {
  tree::Tree from;
  tree::Entry link;
  link.attrs = {.nlink = 3, .inode = 9, .device = 1, .size_bytes = 100};
  from.Put(tree::kRoot, "x", link);
  from.Put(from.EnsureDirectory("/a"), "y", link);
  from.Put(from.EnsureDirectory("/a/b"), "z", link);
  from.Publish();
  tree::Tree to;
  Loader loader({}, to);
  ASSERT_EQ(LoadAll(EncodeAll(SomeHeader(), from), 4096, &loader), Status());
  EXPECT_EQ(to.AggregatesOf(tree::kRoot).bytes, 100u);
  EXPECT_TRUE(to.CheckInvariants().ok());
}

// 60 bytes an entry and the name, at most; here with times of their own each.
TEST(Checkpoint, IsSmall) {
  tree::Tree from;
  Prng prng(11);
  std::size_t name_bytes = 0;
  for (int d = 0; d < 50; ++d) {
    const tree::DirId dir = from.EnsureDirectory("/directory-" + std::to_string(d));
    for (int i = 0; i < 200; ++i) {
      tree::Entry entry;
      entry.attrs.mode = 0100644;
      entry.attrs.inode = 1'000'000 + prng.Below(1 << 20);
      entry.attrs.device = 2049;
      entry.attrs.size_bytes = static_cast<std::int64_t>(prng.Below(1 << 20));
      entry.attrs.allocated_bytes = (entry.attrs.size_bytes + 511) / 512 * 512;
      entry.attrs.mtime_ns = kNow - prng.Between(0, 30'000'000'000'000'000);
      entry.attrs.ctime_ns = entry.attrs.mtime_ns + prng.Between(0, 1'000'000'000);
      entry.attrs.atime_ns = kNow - prng.Between(0, 30'000'000'000'000'000);
      const std::string name = "report-2026-" + std::to_string(prng.Next());
      name_bytes += name.size();
      from.Put(dir, name, entry);
    }
  }
  from.Publish();
  const std::size_t bytes = EncodeAll(SomeHeader(), from).size();
  const double each = static_cast<double>(bytes - name_bytes) / 10'000;
  EXPECT_LT(each, 45) << bytes << " bytes";
}

}  // namespace
}  // namespace fustor::checkpoint
