// tree.h: a file tree in memory: one writer, any number of readers that never wait.
//
// Pure: no I/O, no clock. The writer (one thread) edits and then publishes a revision; readers pin
// a published revision and see exactly that one until they let go, whatever the writer does
// meanwhile. What a directory contains is kept in packed chunks of up to kChunkRows entries sorted
// by name, so one entry costs a few dozen bytes and a listing is a linear read. Sums over whole
// subtrees (Aggregates) are kept up to date by every edit: asking costs O(1). Paths are never
// stored: renaming a directory costs O(depth), not O(entries below).
//
// Names are bytes and sort bytewise. Hard links (not directories, nlink > 1, inode known) are
// counted once in bytes and allocated_bytes of every directory that contains at least one of them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/entry.h"
#include "base/id.h"
#include "base/result.h"
#include "lib/tree/edit.h"

namespace fustor::tree {

// A directory of the tree; stays the same when it is renamed, is reused after it is gone and no
// reader sees it any more. 0 is no directory.
using DirId = Id<struct TreeDirTag, std::uint32_t>;
inline constexpr DirId kRoot{1};

// Counts publications; revision 0 holds only the root.
using Revision = std::uint64_t;

// What is known of an entry beside its attributes. The tree stores it and does not interpret it.
enum Flags : std::uint8_t {
  kNoFlags = 0,
  kSuspect = 1,       // integrity_suspect
  kKnownByAgent = 2,  // Reported by an agent, not only found by an audit.
  kAuditSkipped = 4,
  kImplied = 8,     // A directory that nobody has reported: something below it was.
  kUncertain = 16,  // Events were lost here; a scan has not confirmed it yet.
};

struct Entry {
  EntryAttrs attrs;
  std::uint8_t flags = kNoFlags;
  std::uint16_t reporter = 0;     // Index into a table of the owner's (agent and source).
  std::int64_t confirmed_ns = 0;  // When realtime evidence last confirmed it; 0: never.
  DirId dir;                      // Set by the tree for directories, 0 for everything else.
  std::string target;             // Of a symlink.
};

// Sums over a directory, itself and everything below it.
struct Aggregates {
  std::uint64_t files = 0;            // Everything that is not a directory; each link is one.
  std::uint64_t directories = 0;      // The directory itself included.
  std::uint64_t bytes = 0;            // Apparent sizes of what is not a directory.
  std::uint64_t allocated_bytes = 0;  // Blocks of everything, directories too: as du tells.
  std::int64_t latest_mtime_ns = INT64_MIN;  // Of any entry, the directory itself included.
  friend bool operator==(const Aggregates&, const Aggregates&) = default;
};

class Snapshot;
struct SnapshotAccess;

class Tree {
 public:
  static constexpr std::size_t kChunkRows = 128;

  struct Options {
    std::uint32_t pins_max = 1024;  // Snapshots that may be held at once.
  };
  explicit Tree(Options options);
  Tree() : Tree(Options{}) {}
  // REQUIRES: no Snapshot is alive.
  ~Tree();
  Tree(const Tree&) = delete;

  // --- The writer. One thread. Reads here see the edits at once. ---

  // The directory at a view path; nullopt when there is none or it is not a directory. O(depth log
  // n); again, or after another one of the same parent, O(depth).
  std::optional<DirId> FindDirectory(std::string_view path);
  // A hint: some kForesight calls later, `path` will be looked up or edited. What that needs is
  // fetched from memory meanwhile; nothing else happens. Pays where paths come in no order.
  static constexpr std::uint32_t kForesight = 18;
  void Foresee(std::string_view path);
  // FindDirectory, but creates what is missing as kImplied directories. A non-directory in the way
  // is replaced. REQUIRES: IsNormalViewPath(path).
  DirId EnsureDirectory(std::string_view path);

  // False when there is no such entry. `*entry` is written only when there is.
  bool Get(DirId dir, std::string_view name, Entry* entry);
  // The root's own entry.
  Entry GetRoot();
  void PutRoot(const Entry& entry);  // REQUIRES: a directory.

  // Inserts or replaces. Replacing a directory by a directory keeps what is below it; any other
  // change of kind removes it first. Returns the id when entry is a directory, else 0.
  // `entry.dir` is ignored. REQUIRES: name is a valid name (path.h).
  // O(log n), near O(1) when names come in order.
  DirId Put(DirId dir, std::string_view name, const Entry& entry);

  // Removes the entry and everything below it. Returns how many entries that were; 0: no such
  // entry.
  std::uint64_t Erase(DirId dir, std::string_view name);

  // Moves the entry with everything below it; what is at the target is removed first. Errors:
  // kNotFound (no such entry), kFailedPrecondition (a directory into itself or below itself).
  Result<void> Move(DirId from, std::string_view name, DirId to, std::string_view to_name);

  // Any known link of the inode that `attrs` speaks of. False: none is known, or it has no others.
  bool GetLink(const EntryAttrs& attrs, Entry* entry);
  // Where one of them is. nullopt: none is known.
  std::optional<std::pair<DirId, std::string>> FindLink(const EntryAttrs& attrs);
  // Who makes a hard link tells of the new name only. After Put of one: have the other entries of
  // the inode looked for (SeekLinks), if the tree knows fewer links than there are. O(1).
  void WantLinks(const EntryAttrs& attrs);
  bool wants_links() const;
  // Looks at some `rows_max` rows (whole directories) and goes on there the next time. Entries that
  // are the same inode as a known link, and not newer by their ctime, get its attributes; an inode
  // that is not found in the whole tree is wanted no more. Returns how many entries changed.
  std::uint64_t SeekLinks(std::uint64_t rows_max);

  // Calls visit(name, entry) for the children in order until it returns false. The tree must not be
  // edited meanwhile. `name` and `entry` are valid during the call.
  void ForEachChild(DirId dir,
                    const std::function<bool(std::string_view name, const Entry& entry)>& visit);
  // Number of children.
  std::uint64_t ChildCount(DirId dir);
  std::string PathOf(DirId dir);
  Aggregates AggregatesOf(DirId dir);

  // The files in the directory were looked at then (seconds since 1970). No edit: readers of any
  // revision see it at once.
  void NoteListed(DirId dir, std::uint32_t wall_s);

  // Makes all edits since the last call visible to readers as one revision, and frees what no
  // reader needs any more. Cheap when nothing was edited (the revision then stays the same).
  Revision Publish();
  // The next publication, which then is one even if nothing was edited, gets a number that is at
  // least this: a tree that goes on where another one was must not count again from the beginning.
  void SkipTo(Revision revision);

  // Removes everything but the root.
  void Clear();

  // Every edit from now on is told to `observer`, which must outlive the tree or the next call;
  // nullptr: to nobody, and then nothing is spent on it.
  void Observe(EditObserver* observer);

  // --- Any thread. ---

  // The latest published revision. Errors: kResourceExhausted when pins_max are held.
  Result<Snapshot> Pin() const;
  Revision revision() const;

  struct Memory {
    std::uint64_t entries = 0;        // Root included, as published.
    std::uint64_t bytes = 0;          // Of all structures, without the allocator's overhead.
    std::uint64_t retired_bytes = 0;  // Of these, kept only for readers of old revisions.
  };
  Memory memory() const;

  // Recounts everything from scratch and compares it with what is kept (aggregates, order, links,
  // ids). Writer's thread. Ok, or what is wrong. O(entries).
  Result<void> CheckInvariants();

 private:
  friend class Snapshot;
  friend struct SnapshotAccess;
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// One revision, for one reader. Movable; use it from one thread at a time. Holding one keeps memory
// alive: let go before waiting for a slow client, and pin again.
class Snapshot {
 public:
  Snapshot(Snapshot&&) noexcept;
  Snapshot& operator=(Snapshot&&) noexcept;
  ~Snapshot();

  Revision revision() const;

  // The entry at a view path ("/" is the root). O(depth log n).
  std::optional<Entry> Find(std::string_view path) const;
  std::optional<Entry> Get(DirId dir, std::string_view name) const;
  Entry Root() const;
  // REQUIRES: `dir` is a directory of this revision.
  Aggregates AggregatesOf(DirId dir) const;
  std::uint64_t ChildCount(DirId dir) const;
  // The last revision, up to this one, in which a child of `dir` was changed in anything, or `dir`
  // moved. With the id it stands for what ForEachChild shows, as long as the tree lives. O(1).
  Revision ChildrenChangedIn(DirId dir) const;
  std::string PathOf(DirId dir) const;
  // As Tree::NoteListed, as of now; 0: never. O(1).
  std::uint32_t ListedAt(DirId dir) const;

  // A child as it lies in its chunk; columns are decoded when asked for. Valid during the visit.
  class Row {
   public:
    std::string_view name() const;
    EntryKind kind() const;
    DirId dir() const;  // 0 when not a directory.
    std::int64_t size_bytes() const;
    std::int64_t allocated_bytes() const;
    std::int64_t mtime_ns() const;
    std::int64_t ctime_ns() const;
    std::int64_t atime_ns() const;
    std::uint32_t uid() const;
    std::uint32_t gid() const;
    std::uint32_t nlink() const;
    std::uint64_t inode() const;
    std::uint64_t device() const;
    std::uint8_t flags() const;
    Entry Load() const;  // Everything.

   private:
    friend struct SnapshotAccess;
    const void* view_ = nullptr;
    std::string_view name_;
    std::uint32_t row_ = 0;
  };
  // Children whose name is greater than `after` ("" : all), in order, until visit returns false.
  // Returns false when visit did.
  bool ForEachChild(DirId dir, std::string_view after,
                    const std::function<bool(const Row&)>& visit) const;

 private:
  friend class Tree;
  friend struct SnapshotAccess;
  Snapshot(const Tree::Impl* impl, std::uint32_t slot, Revision revision);
  const Tree::Impl* impl_ = nullptr;
  std::uint32_t slot_ = 0;
  Revision revision_ = 0;
};

}  // namespace fustor::tree
