#include "lib/tree/chunk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>

#include "base/prng.h"
#include "lib/tree/open_chunk.h"

namespace fustor::tree {
namespace {

struct Given {
  RowValues values;
  std::string target;
};
using Rows = std::map<std::string, Given>;

Blocks& TestBlocks() {
  static Blocks blocks;
  return blocks;
}

struct FreeChunk {
  void operator()(const Chunk* chunk) const { TestBlocks().Give(chunk, chunk->bytes); }
};
using OwnedChunk = std::unique_ptr<const Chunk, FreeChunk>;

OwnedChunk Pack(const Rows& rows) {
  auto open = std::make_unique<OpenChunk>();
  for (const auto& [name, row] : rows) open->Insert(open->size(), name, row.values, row.target);
  Packer packer(TestBlocks());
  return OwnedChunk(packer.Pack(*open, 7));
}

void ExpectRows(const Rows& rows, const Chunk& chunk) {
  const ChunkView view(chunk);
  auto open = std::make_unique<OpenChunk>();
  open->Load(chunk);
  ASSERT_EQ(view.names().size(), rows.size());
  ASSERT_EQ(open->size(), rows.size());
  std::uint32_t i = 0;
  std::int64_t latest = INT64_MIN;
  for (const auto& [name, row] : rows) {
    latest = std::max(latest, row.values.attrs.mtime_ns);
    ASSERT_EQ(std::string(view.names().prefix()) + std::string(view.names().rest(i)), name);
    ASSERT_EQ(view.names().Compare(i, name), 0);
    ASSERT_TRUE(view.Load(i) == row.values) << name;
    ASSERT_EQ(view.target(i), row.target) << name;
    ASSERT_EQ(view.kind(i), row.values.attrs.kind);
    ASSERT_EQ(view.flags(i), row.values.flags);
    bool found = false;
    ASSERT_EQ(view.names().LowerBound(name, &found), i);
    ASSERT_TRUE(found);
    ASSERT_EQ(open->LowerBound(name, &found), i);
    ASSERT_TRUE(found);
    ASSERT_EQ(open->name(i), name);
    ASSERT_TRUE(open->values(i) == row.values);
    ASSERT_EQ(open->target(i), row.target);
    ++i;
  }
  ASSERT_EQ(chunk.LatestMtime(), latest);
  ASSERT_EQ(chunk.born, 7u);
}

// A value of a random size class, so that every width and every base occurs.
std::int64_t Extreme(Prng* random) {
  switch (random->Below(8)) {
    case 0:
      return INT64_MIN;
    case 1:
      return INT64_MAX;
    case 2:
      return 0;
    case 3:
      return random->Between(-20, 20) * 1'000'000'000;
    default:
      return static_cast<std::int64_t>(random->Next() >> random->Below(64)) *
             (random->Chance(1, 2) ? 1 : -1);
  }
}

std::string AnyName(Prng* random, std::size_t size_max) {
  std::string name(1 + random->Below(size_max), '\0');
  for (char& c : name) c = static_cast<char>(random->Next());
  return name;
}

Given RandomRow(Prng* random, std::uint64_t wild_in_100) {
  Given row;
  RowValues& v = row.values;
  const auto number = [&](std::int64_t usual) {
    return random->Chance(wild_in_100, 100) ? Extreme(random) : usual;
  };
  const auto small = [&] { return static_cast<std::uint32_t>(number(1000)); };
  v.attrs.kind = static_cast<EntryKind>(random->Below(4));
  v.attrs.mode = small();
  v.attrs.uid = small();
  v.attrs.gid = small();
  v.attrs.nlink = small();
  v.attrs.inode = static_cast<std::uint64_t>(number(random->Between(1, 1 << 20)));
  v.attrs.device = static_cast<std::uint64_t>(number(2049));
  v.attrs.size_bytes = number(4096);
  v.attrs.allocated_bytes = number(4096);
  v.attrs.mtime_ns = number(1'700'000'000'000'000'000);
  v.attrs.ctime_ns = number(v.attrs.mtime_ns);
  v.attrs.atime_ns = number(v.attrs.mtime_ns);
  v.confirmed_ns = number(0);
  v.dir = DirId{v.attrs.is_directory() ? static_cast<std::uint32_t>(number(9)) : 0};
  v.reporter = static_cast<std::uint16_t>(small());
  v.flags = static_cast<std::uint8_t>(small());
  if (random->Chance(wild_in_100, 400)) row.target = AnyName(random, 5000);
  return row;
}

TEST(Chunk, KeepsEveryValueAndEveryName) {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Prng random(seed);
    const std::uint64_t wild = random.Below(3) * 20;
    const std::size_t size = 1 + random.Below(seed % 2 == 0 ? 10 : Tree::kChunkRows);
    const std::string prefix = random.Chance(1, 2) ? AnyName(&random, 100) : std::string();
    const std::size_t name_size_max = random.Chance(1, 3) ? 150 : 12;
    Rows rows;
    while (rows.size() < size) {
      rows[prefix + AnyName(&random, name_size_max)] = RandomRow(&random, wild);
    }
    ASSERT_NO_FATAL_FAILURE(ExpectRows(rows, *Pack(rows)));
  }
}

TEST(Chunk, WholeSecondsTakeLessRoomAndComeBackExactly) {
  const auto sizes = [](std::int64_t step) {
    Rows rows;
    Prng random(3);
    for (int i = 0; i < 100; ++i) {
      Given row;
      row.values.attrs.mtime_ns = 1'600'000'000'000'000'000 + random.Between(0, 1 << 20) * step;
      row.values.attrs.ctime_ns = row.values.attrs.mtime_ns + random.Between(0, 100) * step;
      row.values.attrs.atime_ns = row.values.attrs.mtime_ns - random.Between(0, 100) * step;
      rows["f" + std::to_string(i)] = row;
    }
    const OwnedChunk chunk = Pack(rows);
    ExpectRows(rows, *chunk);
    return chunk->bytes;
  };
  EXPECT_LT(sizes(1'000'000'000) + 600, sizes(1'000'000'001));
}

TEST(Chunk, FindsWhereAnyNameBelongs) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Prng random(seed);
    Rows rows;
    const std::string prefix = seed % 2 == 0 ? "ab" : "";
    for (std::size_t n = 1 + random.Below(100); rows.size() < n;) {
      rows[prefix + AnyName(&random, 3)] = Given{};
    }
    const OwnedChunk chunk = Pack(rows);
    const ChunkNames names(*chunk);
    for (int i = 0; i < 500; ++i) {
      std::string wanted = AnyName(&random, 3);
      if (random.Chance(1, 2)) wanted.insert(0, "ab");
      const auto it = rows.lower_bound(wanted);
      bool found = false;
      ASSERT_EQ(names.LowerBound(wanted, &found), std::distance(rows.begin(), it));
      ASSERT_EQ(found, it != rows.end() && it->first == wanted);
    }
  }
}

TEST(Chunk, EveryByteIsAName) {
  Rows rows;
  for (int c = 1; c < 256; c += 2) {
    if (c != '/') rows[std::string(1, static_cast<char>(c))] = Given{};
  }
  ASSERT_NO_FATAL_FAILURE(ExpectRows(rows, *Pack(rows)));
  Rows longest;
  for (int i = 0; i < 128; ++i) longest[std::string(255, static_cast<char>(i + 65))] = Given{};
  ASSERT_NO_FATAL_FAILURE(ExpectRows(longest, *Pack(longest)));
}

// Edits of packed chunks, one after the other, beside a map.
TEST(Chunk, EditsLeaveWhatPackingWouldHaveMade) {
  std::uint64_t done = 0;
  std::uint64_t refused = 0;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Prng random(seed);
    const std::uint64_t wild = random.Below(3) * 20;
    const std::size_t size = 1 + random.Below(seed % 2 == 0 ? 10 : Tree::kChunkRows);
    const std::string prefix = random.Chance(1, 2) ? AnyName(&random, 100) : std::string();
    Rows rows;
    while (rows.size() < size) rows[prefix + AnyName(&random, 12)] = RandomRow(&random, wild);
    OwnedChunk chunk = Pack(rows);
    Packer packer(TestBlocks());
    for (int step = 0; step < 40; ++step) {
      auto it = std::next(rows.begin(), static_cast<std::ptrdiff_t>(random.Below(rows.size())));
      Given row = RandomRow(&random, wild);
      RowEdit edit;
      edit.values = &row.values;
      edit.row = static_cast<std::uint32_t>(std::distance(rows.begin(), it));
      std::string name = it->first;
      Rows after = rows;
      if (random.Chance(1, 2)) {
        // Mostly what changes when a file is written, so that most columns can be copied.
        if (random.Chance(3, 4)) {
          const EntryAttrs changed = row.values.attrs;
          row = it->second;
          row.values.attrs.size_bytes = changed.size_bytes;
          row.values.attrs.mtime_ns = changed.mtime_ns;
        }
        if (random.Chance(9, 10)) row.target = it->second.target;
        edit.target = row.target;
        after[name] = row;
      } else if (random.Chance(1, 2)) {
        edit.kind = RowEdit::Kind::kErase;
        edit.values = nullptr;
        after.erase(name);
      } else {
        name = (random.Chance(3, 4) ? prefix : std::string()) + AnyName(&random, 12);
        const auto next = rows.lower_bound(name);
        if (next != rows.end() && next->first == name) continue;
        edit.kind = RowEdit::Kind::kInsert;
        edit.row = static_cast<std::uint32_t>(std::distance(rows.begin(), next));
        edit.name = name;
        edit.target = row.target;
        after[name] = row;
      }
      const bool over = random.Chance(1, 2);
      const Rows before = over ? Rows() : rows;
      const Chunk* const edited = packer.Edit(*chunk, edit, 7, over ? chunk.get() : nullptr);
      if (edited == nullptr) {
        ++refused;
        ASSERT_NO_FATAL_FAILURE(ExpectRows(rows, *chunk));
        continue;
      }
      ++done;
      rows = std::move(after);
      ASSERT_NO_FATAL_FAILURE(ExpectRows(rows, *edited)) << "step " << step;
      if (edited != chunk.get()) {
        if (!over) ASSERT_NO_FATAL_FAILURE(ExpectRows(before, *chunk)) << "it has changed";
        chunk.reset(edited);
      }
    }
  }
  EXPECT_GT(done, 10'000u);
  EXPECT_GT(refused, 100u);
}

// What a directory with few files costs; a change of the layout shows here.
TEST(Chunk, SmallDirectoriesStaySmall) {
  Rows rows;
  for (int i = 0; i < 5; ++i) {
    Given row;
    EntryAttrs& a = row.values.attrs;
    a.mode = 0100644;
    a.uid = a.gid = 1000;
    a.inode = 5'000'000 + static_cast<std::uint64_t>(i);
    a.device = 2049;
    a.size_bytes = 1000 * i;
    a.allocated_bytes = 4096 * ((a.size_bytes + 4095) / 4096);
    a.mtime_ns = a.ctime_ns = a.atime_ns = 1'700'000'000'123'456'789 + i * 1'000'003;
    rows["file-" + std::to_string(i)] = row;
  }
  EXPECT_LE(Pack(rows)->bytes, 120u);
}

TEST(OpenChunk, BehavesAsASortedMap) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Prng random(seed);
    Rows rows;
    auto open = std::make_unique<OpenChunk>();
    for (int i = 0; i < 3000; ++i) {
      const std::string name = "n" + std::to_string(random.Below(160));
      const Given row = RandomRow(&random, 40);
      bool found = false;
      const std::uint32_t at = open->LowerBound(name, &found);
      ASSERT_EQ(found, rows.contains(name));
      ASSERT_EQ(at, std::distance(rows.begin(), rows.lower_bound(name)));
      if (found && random.Chance(1, 2)) {
        open->Erase(at);
        rows.erase(name);
      } else if (found) {
        open->Update(at, row.values, row.target);
        rows[name] = row;
      } else if (!open->full()) {
        open->Insert(at, name, row.values, row.target);
        rows[name] = row;
      }
    }
    ASSERT_LT(open->size_bytes(), 1u << 21) << "garbage is not dropped";
    Packer packer(TestBlocks());
    const OwnedChunk chunk(packer.Pack(*open, 7));
    ASSERT_NO_FATAL_FAILURE(ExpectRows(rows, *chunk));
    // Halves, and together again.
    auto tail = std::make_unique<OpenChunk>();
    open->MoveTail(open->size() / 2, tail.get());
    tail->MoveTail(0, open.get());
    ASSERT_EQ(tail->size(), 0u);
    const OwnedChunk again(packer.Pack(*open, 7));
    ASSERT_NO_FATAL_FAILURE(ExpectRows(rows, *again));
  }
}

}  // namespace
}  // namespace fustor::tree
