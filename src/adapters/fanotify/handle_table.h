// handle_table.h: which directory a kernel file handle means, and what a fanotify record about it
// says.
//
// No I/O and no lock. Handles name an inode for its whole life and are not given out again, so
// there is nothing like the re-use of inotify's watch numbers here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "env/tree.h"

namespace fustor::fanotify {

// 128 bits of hash over (file system id, handle type, handle bytes): that two directories of one
// host share one is less likely than a memory error.
struct HandleHash {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend bool operator==(const HandleHash&, const HandleHash&) = default;
};

HandleHash HashHandle(std::span<const std::byte> fsid, int type, std::span<const std::byte> handle);

class HandleTable {
 public:
  // The newest key of a directory and the newest directory of a key win.
  void Added(const HandleHash& handle, env::DirKey key);
  void Remove(env::DirKey key);

  // Appends what the records of one read say. Records about directories that nobody added are
  // dropped and counted.
  void Decode(std::span<const std::byte> records, std::vector<env::TreeEvent>* events);
  // The kernel's queue is empty: what comes now cannot have been merged into what was read.
  void QueueEmptied() { backlog_.clear(); }

  std::size_t size() const { return by_handle_.size(); }
  std::uint64_t unknown() const { return unknown_; }

 private:
  struct Hash {
    std::size_t operator()(const HandleHash& h) const { return h.low; }
  };
  struct Place {
    env::DirKey dir;
    std::string_view name;
    bool known = false;
  };
  struct Record;

  // Reads one information record of an event; advances `*rest`.
  bool NextRecord(std::span<const std::byte>* rest, Record* record) const;
  void DecodeOne(std::uint64_t mask, std::span<const std::byte> records,
                 std::vector<env::TreeEvent>* events);
  void Here(std::uint64_t mask, const Place& at, std::vector<env::TreeEvent>* events);
  void Renamed(bool is_directory, const Place& from, const Place& to,
               std::vector<env::TreeEvent>* events);
  // The records read since the queue was last empty: the kernel may have merged into them what
  // happened after records that are still to be read. Files and directories are never merged.
  void Note(const Place& place, bool is_directory);
  bool Noted(const Place& place, bool is_directory) const;

  std::unordered_map<HandleHash, env::DirKey, Hash> by_handle_;
  std::unordered_map<env::DirKey, HandleHash> by_key_;  // Same pairs as by_handle_.
  std::unordered_set<std::uint64_t>
      backlog_;  // Hashes of (directory, name, is directory); bounded.
  std::uint64_t unknown_ = 0;
};

}  // namespace fustor::fanotify
