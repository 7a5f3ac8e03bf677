// checkpoint_testing.h: whole checkpoints in memory, for tests and fuzzers. Not for programs.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "lib/checkpoint/checkpoint.h"

namespace fustor::checkpoint {

inline std::string EncodeAll(Header header, const tree::Tree& tree) {
  Encoder encoder(std::move(header), tree.Pin().value());
  std::string bytes;
  while (encoder.Next(&bytes).value()) {
  }
  return bytes;
}

// As somebody reads a file in pieces of that size.
inline Status LoadAll(std::string_view bytes, std::size_t piece, Loader* loader) {
  FrameReader reader;
  while (!bytes.empty()) {
    const std::string_view next = bytes.substr(0, piece);
    reader.Take(next);
    bytes.remove_prefix(next.size());
    for (;;) {
      FUSTOR_TRY_ASSIGN(const std::optional<Frame> frame, reader.Next());
      if (!frame) break;
      FUSTOR_TRY(loader->Apply(*frame));
    }
  }
  FUSTOR_TRY(reader.End());
  FUSTOR_CHECK(loader->complete());
  return {};
}

// What a checkpoint keeps of a tree, a line an entry.
inline std::string Dump(const tree::Snapshot& snapshot, tree::DirId dir = tree::kRoot,
                        const std::string& path = "") {
  const auto line = [&](std::string_view name, const tree::Entry& e) {
    const EntryAttrs& a = e.attrs;
    std::string text = path + "/" + std::string(name);
    for (const std::int64_t value :
         {std::int64_t{static_cast<int>(a.kind)}, std::int64_t{a.mode}, std::int64_t{a.uid},
          std::int64_t{a.gid}, std::int64_t{a.nlink}, static_cast<std::int64_t>(a.inode),
          static_cast<std::int64_t>(a.device), a.size_bytes, a.allocated_bytes, a.mtime_ns,
          a.ctime_ns, a.atime_ns, std::int64_t{e.flags}, std::int64_t{e.reporter}}) {
      text += ' ' + std::to_string(value);
    }
    if (a.is_directory()) {
      text += " listed " + std::to_string(snapshot.ListedAt(e.dir));
      const tree::Aggregates sums = snapshot.AggregatesOf(e.dir);
      for (const std::uint64_t sum :
           {sums.files, sums.directories, sums.bytes, sums.allocated_bytes}) {
        text += ' ' + std::to_string(sum);
      }
    }
    return text + " -> " + e.target + "\n";
  };
  std::string text;
  if (dir == tree::kRoot) text = line("", snapshot.Root());
  snapshot.ForEachChild(dir, "", [&](const tree::Snapshot::Row& row) {
    const tree::Entry entry = row.Load();
    text += line(row.name(), entry);
    if (entry.attrs.is_directory()) {
      text += Dump(snapshot, entry.dir, path + "/" + std::string(row.name()));
    }
    return true;
  });
  return text;
}

}  // namespace fustor::checkpoint
