// writer.h: the writer's half of the tree: edits, sums, publication.
//
// The first edit of a directory in a revision opens it: a list of its chunks. The first edits of a
// chunk replace it by an edited copy (Packer::Edit), which readers do not see yet; one that is
// edited more often is unpacked into an OpenChunk. Publish() packs what is open, makes new versions
// of what was touched and retires what they replace. Reads of the writer look at what is open
// first.
//
// Sums: an edit changes the sums of its own directory at once and notes what the parent has yet to
// be told. Settle() tells the parents, deepest directory first, so that each directory on the way
// up is visited once however many entries changed below it. latest_mtime is an upper bound while
// `dirty`; it is recomputed when somebody asks.
//
// Single-threaded but for what DirTable and Pins allow. Contracts of the public functions: tree.h.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "lib/tree/blocks.h"
#include "lib/tree/chunk.h"
#include "lib/tree/dir_table.h"
#include "lib/tree/edit.h"
#include "lib/tree/epochs.h"
#include "lib/tree/links.h"
#include "lib/tree/open_chunk.h"
#include "lib/tree/path_guesses.h"
#include "lib/tree/tree.h"

namespace fustor::tree {

class Writer {
 public:
  explicit Writer(std::uint32_t pins_max);
  ~Writer();
  Writer(const Writer&) = delete;

  std::optional<DirId> FindDirectory(std::string_view path);
  void Foresee(std::string_view path);
  DirId EnsureDirectory(std::string_view path);
  bool Get(DirId dir, std::string_view name, Entry* entry) const;
  void PutRoot(const Entry& entry);
  DirId Put(DirId dir, std::string_view name, const Entry& entry);
  std::uint64_t Erase(DirId dir, std::string_view name);
  Result<void> Move(DirId from, std::string_view name, DirId to, std::string_view to_name);
  bool GetLink(const EntryAttrs& attrs, Entry* entry) const;
  std::optional<std::pair<DirId, std::string>> FindLink(const EntryAttrs& attrs) const;
  void WantLinks(const EntryAttrs& attrs);
  bool wants_links() const { return !wanted_links_.empty() || !search_.keys.empty(); }
  std::uint64_t SeekLinks(std::uint64_t rows_max);
  void ForEachChild(DirId dir,
                    const std::function<bool(std::string_view, const Entry&)>& visit) const;
  std::uint64_t ChildCount(DirId dir) const;
  std::string PathOf(DirId dir) const;
  void NoteListed(DirId dir, std::uint32_t wall_s) {
    table_.slot(dir).listed_s.store(wall_s, std::memory_order_relaxed);
  }
  Aggregates AggregatesOf(DirId dir);
  Revision Publish();
  void Clear();
  void Observe(EditObserver* observer);
  Result<void> CheckInvariants();
  Tree::Memory memory() const;

  // For readers.
  const DirTable& table() const { return table_; }
  const Pins& pins() const { return pins_; }

 private:
  // Either packed or open is set.
  struct ChunkRef {
    const Chunk* packed = nullptr;
    OpenChunk* open = nullptr;
    std::uint8_t edits = 0;  // Of `packed` since the last publication; 0: it is published.
    // With one edit: what was published, if that edit was an insertion, and the row inserted.
    const Chunk* published = nullptr;
    std::uint8_t inserted = 0;
    bool touched() const { return open != nullptr || edits > 0; }
    std::uint32_t rows() const { return packed != nullptr ? packed->rows : open->size(); }
  };
  struct OpenDir {
    DirId id;
    DirId parent;
    std::string name;
    std::vector<ChunkRef> chunks;
    std::vector<const Chunk*> replaced;  // Published chunks that are no longer in `chunks`.
    std::uint64_t rows = 0;
    std::size_t hint = 0;  // The chunk that was used last.
    bool rows_changed = false;
    bool place_changed = false;
    bool gone = false;
  };
  struct OpenSums {
    DirId dir;  // 0: the directory is gone.
    Sums value;
    Sums untold;               // What the parent has yet to add; its latest_mtime_ns is not used.
    std::int64_t told_latest;  // What the parent knows.
    bool dirty = false;        // value.latest_mtime_ns is only an upper bound.
    bool in_dirty = false;     // Listed in dirty_.
    bool queued = false;       // Listed in unsettled_.
  };
  // Where a row is, or would be inserted.
  struct Position {
    std::size_t chunk = 0;
    std::uint32_t row = 0;
    bool found = false;
  };
  struct FoundRow {
    RowValues values;
    std::string_view target;  // Valid until the next edit.
  };
  // What a directory contains, open or not.
  struct Children {
    const OpenDir* open = nullptr;
    std::span<const Chunk* const> packed;
    std::size_t size() const { return open != nullptr ? open->chunks.size() : packed.size(); }
    ChunkRef at(std::size_t i) const {
      return open != nullptr ? open->chunks[i] : ChunkRef{.packed = packed[i]};
    }
  };
  using LinkKeys = std::unordered_set<LinkKey, LinkKeyHash>;
  // One walk over the whole tree, in slices.
  struct LinkSearch {
    LinkKeys keys;                      // Empty: none is going on.
    std::vector<std::uint64_t> filter;  // A bit for the low bits of each inode.
    std::uint32_t next_dir = 0;
  };
  struct CountedLink {
    LinkKey key;
    DirId dir;
    std::string name;
    std::uint64_t bytes, allocated_bytes;
  };

  // --- writer_rows.cc: rows and chunks. ---
  const OpenDir* OpenOrNull(DirId dir) const;
  OpenDir& Open(DirId dir);
  Children ChildrenOf(DirId dir) const;
  DirId ParentOf(DirId dir) const;
  std::string_view NameOf(DirId dir) const;
  static int CompareFirst(const ChunkRef& ref, std::string_view name);
  Position Locate(DirId dir, std::string_view name) const;
  FoundRow Read(DirId dir, const Position& at) const;
  OpenChunk& OpenAt(OpenDir& dir, std::size_t chunk);
  // False: nothing was done, the chunk is to be opened.
  bool EditPacked(OpenDir& dir, std::size_t chunk, const RowEdit& edit);
  // Whether the row is all that was inserted since the publication; then the chunk is as published
  // again.
  bool UndoInsert(OpenDir& dir, const Position& at);
  // Lets go of what only the writer has seen.
  void FreeUnpublished(const ChunkRef& ref);
  void InsertRow(DirId dir, Position at, std::string_view name, const RowValues& values,
                 std::string_view target);
  void UpdateRow(DirId dir, const Position& at, const RowValues& values, std::string_view target);
  void EraseRow(DirId dir, const Position& at);
  void ForEachSubdirectory(DirId dir, const std::function<void(DirId)>& visit) const;
  OpenChunk* NewOpenChunk();
  void FreeOpenChunk(OpenChunk* chunk);

  // --- writer_sums.cc ---
  std::uint32_t OpenSumsOf(DirId dir);
  const Sums& SumsNow(DirId dir) const;
  std::int64_t ToldLatest(DirId dir) const;
  void AddTo(DirId dir, const Sums& delta);
  void SubtractFrom(DirId dir, const Sums& delta);
  void Raise(DirId dir, std::int64_t mtime_ns);
  // An mtime that counted for `dir` no longer does.
  void Lower(DirId dir, std::int64_t mtime_ns);
  void NoteUnsettled(OpenSums& sums);
  void TellParent(std::uint32_t index, std::uint32_t parent_index);
  // Tells all parents. With exact, makes latest_mtime_ns exact everywhere.
  void Settle(bool exact);
  std::uint32_t DepthOf(DirId dir) const;
  std::int64_t RecomputeLatest(DirId dir) const;

  // --- writer_account.cc: what an entry adds to the sums, and links. ---
  void AccountDirectory(DirId dir, const EntryAttrs& attrs);
  void ReaccountDirectory(DirId dir, const EntryAttrs& before, const EntryAttrs& after);
  void Account(DirId dir, std::string_view name, const RowValues& values, std::string_view target);
  void Unaccount(DirId dir, std::string_view name, const EntryAttrs& attrs);
  void Reaccount(DirId dir, std::string_view name, const EntryAttrs& before,
                 std::string_view target_before, const RowValues& after, std::string_view target);
  void CountLink(const CountedLink& link);
  void UncountLink(const CountedLink& link);
  // Gives the links of the group what is now known of the inode, but for one whose row the caller
  // updates. All of them had `before`.
  void RefreshLinks(const EntryAttrs& before, const EntryAttrs& after, std::string_view target,
                    DirId except_dir, std::string_view except_name);
  // All links in and below a directory. REQUIRES: settled.
  std::vector<CountedLink> LinksBelow(DirId dir) const;

  // --- writer_links.cc: entries that turn out to be links. ---
  // Any known link of the inode.
  bool FindLink(const LinkKey& key, Entry* entry) const;
  void BeginLinkSearch();
  // Adds the rows of the directory that are searched for and not known as links.
  std::uint64_t FindUnknownLinks(DirId dir, std::vector<std::pair<DirId, std::string>>* found);
  bool AdoptLink(DirId dir, const std::string& name);

  // --- writer.cc ---
  DirId PutRow(DirId dir, std::string_view name, const Entry& entry);
  DirId NewDirectory(DirId parent, std::string_view name, const EntryAttrs& attrs);
  std::uint64_t RemoveBelow(DirId dir, DirId parent);
  void DropDirectory(DirId dir);
  bool IsWithinDirectory(DirId dir, DirId ancestor) const;
  void MoveDirectory(DirId child, DirId from, DirId to, std::string_view to_name);
  DirId ChildDirectory(DirId dir, std::string_view name) const;
  static Entry ImpliedDirectory();

  // --- writer_paths.cc ---
  bool StartFromCache(std::string_view path, DirId* dir, std::string_view* rest) const;
  // Whether that is its path. O(depth).
  bool IsAt(DirId dir, std::string_view path) const;
  void RememberPath(std::string_view path, DirId dir);
  void ForgetPaths();
  // The steps of Foresee. Nothing is done for directory 0.
  void FetchDirectory(DirId dir) const;
  void FetchChunkList(DirId dir) const;
  const Chunk* FirstChunk(DirId dir) const;

  // --- writer_edits.cc: REQUIRES: observer_ is set. Called before the edit. ---
  void WritePath(DirId dir, std::string_view name, std::string* path);
  void Tell(Edit::Kind kind, DirId dir, std::string_view name, const RowValues& values,
            std::string_view target);
  void TellUpdate(DirId dir, std::string_view name, const FoundRow& before, const RowValues& after,
                  std::string_view target);
  void TellMove(DirId from, std::string_view name, DirId to, std::string_view to_name,
                const RowValues& values, std::string_view target);

  // --- writer_publish.cc ---
  void PublishAs(Revision revision);
  void PublishDir(OpenDir& dir, Revision revision);
  void PublishSums(Revision revision);
  void RetireDir(DirId dir, Revision revision);
  void MergeSmallChunks(OpenDir& dir);
  void RetireBlock(const void* block, std::uint64_t bytes, Revision born, Revision dead);
  void* NewBlock(std::uint64_t bytes);
  void StoreMemory();

  // --- writer_check.cc ---
  struct Recount;
  Result<void> CheckRows(DirId dir, Recount* recount) const;
  Result<void> CheckSums(Recount* recount);
  Result<void> CheckLinks(const Recount& recount);

  Blocks blocks_;
  DirTable table_;
  Pins pins_;
  Retired retired_;
  LinkTable links_;
  LinkKeys wanted_links_;  // For the next search.
  LinkSearch search_;
  Packer packer_;

  std::vector<std::unique_ptr<OpenDir>> open_dirs_;  // The first open_dirs_used_ are in use.
  std::size_t open_dirs_used_ = 0;
  std::vector<OpenSums> open_sums_;
  // Indices into open_sums_: who has something to tell, whose latest mtime may be too late.
  std::vector<std::uint32_t> unsettled_, dirty_;
  std::vector<std::unique_ptr<OpenChunk>> spare_chunks_;
  std::uint64_t open_chunks_ = 0;
  std::vector<DirId> dropped_;  // Directories that went since the last publication.
  std::uint64_t rows_ = 0;      // All entries, the root included.
  std::uint64_t block_bytes_ = 0;
  bool edited_ = false;

  // The last path asked for, and its directory; likewise of its parent.
  std::string last_path_, last_parent_path_;
  DirId last_dir_, last_parent_;

  mutable std::uint32_t last_row_ = 0;  // Where Locate has found something last, in any chunk.

  PathGuesses guesses_;
  // The directories of the paths that were foreseen last, as a ring.
  static constexpr std::uint32_t kForeseeStep = Tree::kForesight / 6;
  struct Foreseen {
    std::uint64_t hash = 0;
    DirId dir;
  };
  std::array<Foreseen, 32> foreseen_;
  std::uint32_t foreseen_count_ = 0;

  EditObserver* observer_ = nullptr;
  // The last directory of which an edit was told.
  DirId told_dir_;
  std::string told_path_;
  std::string edit_path_, edit_old_path_;

  std::atomic<std::uint64_t> memory_entries_{0}, memory_bytes_{0}, memory_retired_{0};
};

// Fills an Entry from a row.
void FillEntry(const RowValues& values, std::string_view target, Entry* entry);

}  // namespace fustor::tree
