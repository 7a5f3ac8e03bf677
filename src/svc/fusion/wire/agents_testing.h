// agents_testing.h: batches and session messages of the agents' door for tests, as text, at random
// and spoilt. Deterministic by the generator that is given.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "base/entry.h"
#include "base/prng.h"
#include "base/result.h"
#include "base/time.h"
#include "lib/batch/batch.h"
#include "lib/batch/session.h"

namespace fustor::fusion {

using batch::Batch;
using batch::Change;
using batch::DirBlock;

// Everything about a batch, as text to compare and to read in failures.
inline std::string Describe(const EntryAttrs& a) {
  std::ostringstream out;
  out << static_cast<int>(a.kind) << ' ' << a.mode << ' ' << a.uid << ' ' << a.gid << ' ' << a.nlink
      << ' ' << a.inode << ' ' << a.device << ' ' << a.size_bytes << ' ' << a.allocated_bytes << ' '
      << a.mtime_ns << ' ' << a.ctime_ns << ' ' << a.atime_ns;
  return out.str();
}

inline std::string Describe(const Batch& b) {
  std::ostringstream out;
  out << b.sequence << ' ' << static_cast<int>(b.source) << ' ' << b.index_ms << ' ' << b.scan_id
      << ' ' << static_cast<int>(b.mark) << ' ' << testing::PrintToString(b.scan_path) << ' '
      << b.job_id << ' ' << b.lost_events << ' ' << b.full_every << ' ' << b.begun_ago_ms << '\n';
  for (const Change& c : b.changes) {
    out << "change " << static_cast<int>(c.kind) << ' ' << testing::PrintToString(c.path) << ' '
        << testing::PrintToString(c.old_path) << ' ' << static_cast<int>(c.moved) << ' '
        << c.moved_inode << ' ' << Describe(c.attrs) << ' ' << testing::PrintToString(c.target)
        << ' ' << c.atomic << '\n';
  }
  for (const DirBlock& block : b.blocks) {
    out << "block " << testing::PrintToString(block.path) << ' ' << Describe(block.self) << ' '
        << block.complete << block.failed << block.silent << block.unwatched << ' '
        << testing::PrintToString(block.exempt) << '\n';
    for (std::size_t i = 0; i < block.rows.size(); ++i) {
      out << "  " << testing::PrintToString(std::string(block.rows.name(i))) << ' '
          << Describe(block.rows.attrs(i)) << ' '
          << testing::PrintToString(std::string(block.rows.target(i))) << '\n';
    }
  }
  return out.str();
}

inline std::int64_t AnyTime(Prng& prng) {
  constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  const std::int64_t choices[] = {kMin,
                                  kMin + 1,
                                  -1,
                                  0,
                                  1,
                                  kMax - 1,
                                  kMax,
                                  static_cast<std::int64_t>(prng.Next()),
                                  1'700'000'000'000'000'000 + prng.Between(0, 86'400'000'000'000)};
  return choices[prng.Below(std::size(choices))];
}

inline EntryAttrs AnyAttrs(Prng& prng) {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  EntryAttrs a;
  a.kind = static_cast<EntryKind>(prng.Below(4));
  a.mode = prng.Chance(1, 2) ? 0100644 : static_cast<std::uint32_t>(prng.Next());
  a.uid = prng.Chance(1, 2) ? 1000 : static_cast<std::uint32_t>(prng.Next());
  a.gid = prng.Chance(1, 2) ? 0 : static_cast<std::uint32_t>(prng.Next());
  a.nlink = prng.Chance(1, 2) ? 1 : static_cast<std::uint32_t>(prng.Next());
  a.inode = prng.Chance(1, 2) ? prng.Below(1000) : prng.Next();
  a.device = prng.Chance(1, 2) ? 2049 : prng.Next();
  const std::int64_t sizes[] = {0, 1, 4095, 4096, 4097, kMax, kMax - 4096, prng.Between(0, kMax)};
  a.size_bytes = sizes[prng.Below(std::size(sizes))];
  a.allocated_bytes = sizes[prng.Below(std::size(sizes))];
  a.mtime_ns = AnyTime(prng);
  a.ctime_ns = prng.Chance(1, 2) ? a.mtime_ns : AnyTime(prng);
  a.atime_ns = AnyTime(prng);
  return a;
}

inline std::string AnyName(Prng& prng) {
  const std::string odd[] = {
      "\n", "\xFF\xFE", " ", "...", "\\", "a\tb", "\xC3\xA4", std::string(255, 'n'), "-rf", "\x01"};
  if (prng.Chance(1, 5)) return odd[prng.Below(std::size(odd))];
  std::string name(1 + prng.Below(20), 'x');
  for (char& c : name) {
    do c = static_cast<char>(prng.Next());
    while (c == '/' || c == '\0');
  }
  return name == "." || name == ".." ? "dots" : name;
}

inline std::string AnyPath(Prng& prng) {
  std::string path;
  for (std::uint64_t depth = prng.Below(5); depth > 0; --depth) path += "/" + AnyName(prng);
  return path.empty() ? "/" : path;
}

inline EntryList AnyRows(Prng& prng, std::uint64_t count) {
  std::map<std::string, bool> names;
  while (names.size() < count) names[AnyName(prng)] = true;
  EntryList rows;
  for (const auto& [name, unused] : names) {
    rows.Append(name, AnyAttrs(prng), prng.Chance(1, 5) ? "../" + AnyName(prng) : "");
  }
  return rows;
}

inline Batch AnyBatch(Prng& prng) {
  Batch b;
  b.sequence = 1 + prng.Next() / 2;
  b.source = static_cast<batch::Source>(1 + prng.Below(4));
  b.index_ms = prng.Chance(1, 3) ? -1 : AnyTime(prng);
  b.scan_id = prng.Below(3);
  b.mark = static_cast<batch::ScanMark>(prng.Below(3));
  if (b.mark == batch::ScanMark::kBegin) b.scan_path = AnyPath(prng);
  if (prng.Chance(1, 4)) b.job_id = "job-7";
  b.lost_events = prng.Chance(1, 10);
  if (prng.Chance(1, 10)) b.full_every = static_cast<std::uint32_t>(prng.Below(100));
  if (prng.Chance(1, 10)) b.begun_ago_ms = prng.Between(1, 100'000);
  const std::uint64_t count = prng.Below(prng.Chance(1, 5) ? 50 : 5);
  const bool changes = b.source == batch::Source::kRealtime && prng.Chance(3, 4);
  for (std::uint64_t i = 0; i < count && changes; ++i) {
    Change& c = b.changes.emplace_back();
    c.kind = static_cast<Change::Kind>(1 + prng.Below(3));
    c.path = AnyPath(prng);
    c.atomic = prng.Chance(3, 4);
    if (c.kind == Change::Kind::kMove) {
      c.old_path = AnyPath(prng);
      c.moved = static_cast<Change::Moved>(prng.Below(3));
      c.moved_inode = prng.Next() >> prng.Below(64);
    }
    if (c.kind == Change::Kind::kUpsert) c.attrs = AnyAttrs(prng);
    if (c.kind == Change::Kind::kUpsert && prng.Chance(1, 4)) c.target = "/" + AnyName(prng);
  }
  for (std::uint64_t i = 0; i < count && !changes; ++i) {
    DirBlock& block = b.blocks.emplace_back();
    block.path = AnyPath(prng);
    if (!prng.Chance(1, 4)) block.self = AnyAttrs(prng);
    block.rows = AnyRows(prng, prng.Below(prng.Chance(1, 5) ? 100 : 4));
    block.failed = prng.Chance(1, 4);
    block.complete = !block.failed && prng.Chance(1, 2);
    block.unwatched = prng.Chance(1, 4);
    while (prng.Chance(1, 4)) block.exempt.push_back(AnyName(prng));
  }
  return b;
}

// A few bytes of it changed, cut off or put in.
inline std::string Mutate(std::string bytes, Prng& prng) {
  for (std::uint64_t n = 1 + prng.Below(4); n > 0 && !bytes.empty(); --n) {
    const std::size_t at = prng.Below(bytes.size());
    switch (prng.Below(4)) {
      case 0:
        bytes[at] = static_cast<char>(prng.Next());
        break;
      case 1:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << prng.Below(8)));
        break;
      case 2:
        bytes.resize(at);
        break;
      default:
        bytes.insert(at, 1 + prng.Below(3), static_cast<char>(prng.Next()));
    }
  }
  return bytes;
}

inline const batch::SessionRequest kRequest{"agent-1:pipe-1", "agent-1",           "/data/\xFF",
                                            Millis(31'500),   {"move", "columns"}, 0};
inline const batch::SessionGrant kGrant{
    "0123456789abcdef", batch::Role::kLeader, Seconds(30), Seconds(43'200),
    Millis(300'250),    {"v1", "v2"},         8 << 20,     {"move"}};
inline const batch::Heartbeat kHeartbeat{"0123456789abcdef", true, "34", 123'456'789'012};
inline const std::vector<batch::Command> kCommands = {{"scan", "/a/\xFE", true, "job-1"},
                                                      {"wave", "", false, ""}};
inline const batch::HeartbeatAnswer kHeartbeatAnswer{batch::Role::kFollower, kCommands};
inline const batch::ReportAnswer kReportAnswer{77, kCommands};

template <class T>
void ExpectHolds(const Result<T>& result, const T& expected) {
  ASSERT_TRUE(result.ok()) << result.status().ToString();
  EXPECT_EQ(*result, expected);
}

}  // namespace fustor::fusion
