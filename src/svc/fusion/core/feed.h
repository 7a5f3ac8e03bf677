// feed.h: what has changed in a view, by revision: a bounded ring of the last changes.
//
// Pure. One owner, the thread of the view's shard; the changes of a revision are immutable once
// published and may be read by any thread for as long as somebody holds them.
//
// It records only between Begin and End, while somebody wants to know. A reader resumes behind a
// revision as long as everything since then is kept; else it is told why not, and has to read the
// tree again. Bounded in rows and in bytes; when full the oldest revisions go, and when the changes
// of a single revision are too many they are not kept at all.
//
// What only confirms an entry (confirmed_ns, reporter) is no change.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/entry.h"
#include "base/time.h"
#include "lib/tree/tree.h"

namespace fustor::fusion {

enum class ChangeKind : std::uint8_t { kCreated, kUpdated, kRemoved, kMoved };
// "created", ...
std::string_view NameOf(ChangeKind kind);

// What an update is about; bits.
enum ChangedWhat : std::uint8_t {
  kChangedContent = 1,      // Size, mtime, kind, where a symlink points, another inode.
  kChangedPermissions = 2,  // Mode, owner, group.
  kChangedAttributes = 4,   // Anything else that lstat tells.
  kChangedTrust = 8,        // The flags: suspect, known by an agent, ...
};

// The changes of one revision, in their order: applied to the revision before they give this one.
class RevisionChanges {
 public:
  struct Row {
    EntryAttrs attrs;      // kRemoved: as last known.
    std::size_t text = 0;  // Path, old path, target lie there one after the other.
    std::uint32_t path_size = 0;
    std::uint32_t old_path_size = 0;
    std::uint32_t target_size = 0;
    std::uint16_t reporter = 0;
    ChangeKind kind = ChangeKind::kCreated;
    std::uint8_t what = 0;   // ChangedWhat, of kUpdated and kMoved.
    std::uint8_t flags = 0;  // tree::Flags
  };

  tree::Revision revision() const { return revision_; }
  WallTime at() const { return at_; }  // When it was published.
  std::size_t size() const { return rows_.size(); }
  const Row& row(std::size_t i) const { return rows_[i]; }
  std::string_view path(std::size_t i) const { return Text(i, 0, rows_[i].path_size); }
  std::string_view old_path(std::size_t i) const {
    return Text(i, rows_[i].path_size, rows_[i].old_path_size);
  }
  std::string_view target(std::size_t i) const {
    return Text(i, rows_[i].path_size + rows_[i].old_path_size, rows_[i].target_size);
  }
  // The entry as it is behind the change; confirmed_ns and dir are not known.
  tree::Entry EntryOf(std::size_t i) const;
  std::size_t size_bytes() const {
    return sizeof(*this) + rows_.capacity() * sizeof(Row) + text_.capacity();
  }

 private:
  friend class Feed;
  std::string_view Text(std::size_t i, std::size_t offset, std::size_t size) const {
    return std::string_view(text_).substr(rows_[i].text + offset, size);
  }

  tree::Revision revision_ = 0;
  WallTime at_;
  std::vector<Row> rows_;
  std::string text_;
};

// A place in the feed of a view. Revisions are counted from anew when the tree is made anew (a
// restart of Fusion, a changed configuration), which the incarnation tells. "17-18a3f2c", "17".
struct FeedPosition {
  tree::Revision revision = 0;
  std::optional<std::uint64_t> incarnation;  // nullopt: of the present one, says whoever asks.

  std::string Text() const;
  static std::optional<FeedPosition> Parse(std::string_view text);
  friend bool operator==(const FeedPosition&, const FeedPosition&) = default;
};

class Feed final : public tree::EditObserver {
 public:
  struct Options {
    std::size_t rows_max = 1 << 18;
    std::size_t bytes_max = std::size_t{64} << 20;
    // Of one revision: whoever is sent one keeps it alive until the client has taken it.
    std::size_t revision_bytes_max = std::size_t{16} << 20;
  };
  explicit Feed(Options options) : options_(options) {}

  // Records what is edited from now on. REQUIRES: nothing has been edited since `published`, the
  // tree's latest revision, or it does not matter that this is not told.
  void Begin(tree::Revision published);
  // Forgets everything and records nothing.
  void End();
  bool recording() const { return recording_; }

  void OnEdit(const tree::Edit& edit) override;
  void OnClear() override;
  // What was edited since the last call belongs to `revision`.
  void Publish(tree::Revision revision, WallTime at);

  enum class Lost : std::uint8_t {
    kNo,
    kNotRecorded,  // Nobody was listening at that time.
    kFull,         // More has changed since then than is kept.
    kCleared,      // The view was emptied.
    kUnknown,      // There is no such revision yet.
  };
  struct Page {
    Lost lost = Lost::kNo;
    std::vector<std::shared_ptr<const RevisionChanges>> revisions;
    tree::Revision upto = 0;  // All changes up to here are in the page, or were before it.
  };
  // The changes behind `after`, oldest first: whole revisions, about `bytes_max` and at least one.
  // When lost, `upto` is the latest revision: the tree is to be read at it or at a later one.
  // REQUIRES: recording. O(log n + what is returned).
  Page Read(tree::Revision after, std::size_t bytes_max) const;

  std::size_t rows() const { return rows_; }
  std::size_t size_bytes() const { return bytes_; }

 private:
  std::uint8_t WhatChanged(const tree::Edit& edit) const;
  bool MergeIntoLast(const tree::Edit& edit, std::uint8_t what);
  void Append(const tree::Edit& edit, std::uint8_t what);
  void DropAll(tree::Revision revision, Lost why);

  const Options options_;
  bool recording_ = false;
  RevisionChanges open_;
  bool cleared_ = false;   // Since the last publication.
  bool overflow_ = false;  // open_ was too large and has been dropped.
  std::deque<std::shared_ptr<const RevisionChanges>> ring_;
  std::size_t rows_ = 0, bytes_ = 0;  // Of the ring.
  tree::Revision latest_ = 0;
  tree::Revision floor_ = 0;  // Everything behind it is kept.
  Lost floor_why_ = Lost::kNotRecorded;
};

}  // namespace fustor::fusion
