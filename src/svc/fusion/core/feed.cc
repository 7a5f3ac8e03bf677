#include "svc/fusion/core/feed.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace fustor::fusion {

std::string_view NameOf(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::kCreated:
      return "created";
    case ChangeKind::kUpdated:
      return "updated";
    case ChangeKind::kRemoved:
      return "removed";
    case ChangeKind::kMoved:
      return "moved";
  }
  return "";
}

tree::Entry RevisionChanges::EntryOf(std::size_t i) const {
  tree::Entry entry;
  entry.attrs = rows_[i].attrs;
  entry.flags = rows_[i].flags;
  entry.reporter = rows_[i].reporter;
  entry.target = target(i);
  return entry;
}

std::string FeedPosition::Text() const {
  std::string text = std::to_string(revision);
  if (!incarnation) return text;
  char digits[20];
  const auto [end, error] = std::to_chars(std::begin(digits), std::end(digits), *incarnation, 16);
  text += '-';
  return text.append(digits, end);
}

std::optional<FeedPosition> FeedPosition::Parse(std::string_view text) {
  FeedPosition position;
  const char* const first = text.data();
  const char* const last = first + text.size();
  const auto [end, error] = std::from_chars(first, last, position.revision);
  if (error != std::errc()) return std::nullopt;
  if (end == last) return position;
  if (*end != '-') return std::nullopt;
  std::uint64_t incarnation = 0;
  const auto [end2, error2] = std::from_chars(end + 1, last, incarnation, 16);
  if (error2 != std::errc() || end2 != last) return std::nullopt;
  position.incarnation = incarnation;
  return position;
}

void Feed::Begin(tree::Revision published) {
  End();
  recording_ = true;
  latest_ = floor_ = published;
  floor_why_ = Lost::kNotRecorded;
}

void Feed::End() {
  recording_ = cleared_ = overflow_ = false;
  open_ = RevisionChanges();
  ring_.clear();
  rows_ = bytes_ = 0;
}

std::uint8_t Feed::WhatChanged(const tree::Edit& edit) const {
  const EntryAttrs& before = *edit.attrs_before;
  const EntryAttrs& after = *edit.attrs;
  std::uint8_t what = 0;
  if (before.size_bytes != after.size_bytes || before.mtime_ns != after.mtime_ns ||
      before.kind != after.kind || before.inode != after.inode || before.device != after.device ||
      edit.target_changed) {
    what |= kChangedContent;
  }
  if (before.mode != after.mode || before.uid != after.uid || before.gid != after.gid) {
    what |= kChangedPermissions;
  }
  if (before.nlink != after.nlink || before.allocated_bytes != after.allocated_bytes ||
      before.ctime_ns != after.ctime_ns || before.atime_ns != after.atime_ns) {
    what |= kChangedAttributes;
  }
  if (edit.flags_before != edit.flags) what |= kChangedTrust;
  return what;
}

void Feed::OnEdit(const tree::Edit& edit) {
  if (overflow_) return;
  std::uint8_t what = 0;
  if (edit.kind == tree::Edit::Kind::kUpdated) {
    what = WhatChanged(edit);
    if (what == 0 || MergeIntoLast(edit, what)) return;
  }
  Append(edit, what);
}

// Several updates of one entry in a row are one, and so are its creation and what follows.
bool Feed::MergeIntoLast(const tree::Edit& edit, std::uint8_t what) {
  if (open_.rows_.empty()) return false;
  RevisionChanges::Row& last = open_.rows_.back();
  const std::size_t i = open_.rows_.size() - 1;
  if (last.kind == ChangeKind::kRemoved || open_.path(i) != edit.path) return false;
  if (edit.target_changed) {
    // The target is the last of the texts.
    open_.text_.resize(open_.text_.size() - last.target_size);
    open_.text_ += edit.target;
    last.target_size = static_cast<std::uint32_t>(edit.target.size());
  }
  last.attrs = *edit.attrs;
  last.flags = edit.flags;
  last.reporter = edit.reporter;
  if (last.kind != ChangeKind::kCreated) last.what |= what;
  return true;
}

void Feed::Append(const tree::Edit& edit, std::uint8_t what) {
  RevisionChanges::Row& row = open_.rows_.emplace_back();
  row.attrs = *edit.attrs;
  row.text = open_.text_.size();
  row.path_size = static_cast<std::uint32_t>(edit.path.size());
  row.old_path_size = static_cast<std::uint32_t>(edit.old_path.size());
  row.target_size = static_cast<std::uint32_t>(edit.target.size());
  row.reporter = edit.reporter;
  row.kind = static_cast<ChangeKind>(edit.kind);
  row.what = what;
  row.flags = edit.flags;
  open_.text_ += edit.path;
  open_.text_ += edit.old_path;
  open_.text_ += edit.target;
  const std::size_t bytes_max = std::min(options_.bytes_max, options_.revision_bytes_max);
  if (open_.rows_.size() <= options_.rows_max && open_.size_bytes() <= bytes_max) return;
  overflow_ = true;
  open_ = RevisionChanges();
}

void Feed::OnClear() {
  cleared_ = true;
  open_ = RevisionChanges();
}

void Feed::DropAll(tree::Revision revision, Lost why) {
  ring_.clear();
  rows_ = bytes_ = 0;
  floor_ = revision;
  floor_why_ = why;
}

void Feed::Publish(tree::Revision revision, WallTime at) {
  if (!recording_) return;
  latest_ = revision;
  RevisionChanges done = std::exchange(open_, RevisionChanges());
  const bool cleared = std::exchange(cleared_, false);
  const bool overflow = std::exchange(overflow_, false);
  if (cleared || overflow) {
    DropAll(revision, cleared ? Lost::kCleared : Lost::kFull);
    return;
  }
  if (done.rows_.empty()) return;
  done.revision_ = revision;
  done.at_ = at;
  if (done.rows_.capacity() > done.rows_.size() * 5 / 4) done.rows_.shrink_to_fit();
  rows_ += done.size();
  bytes_ += done.size_bytes();
  ring_.push_back(std::make_shared<const RevisionChanges>(std::move(done)));
  while (rows_ > options_.rows_max || bytes_ > options_.bytes_max) {
    const RevisionChanges& oldest = *ring_.front();
    rows_ -= oldest.size();
    bytes_ -= oldest.size_bytes();
    floor_ = oldest.revision();
    floor_why_ = Lost::kFull;
    ring_.pop_front();
  }
}

Feed::Page Feed::Read(tree::Revision after, std::size_t bytes_max) const {
  FUSTOR_CHECK(recording_);
  Page page;
  page.upto = latest_;
  if (after > latest_) {
    page.lost = Lost::kUnknown;
    return page;
  }
  if (after < floor_) {
    page.lost = floor_why_;
    return page;
  }
  auto it = std::upper_bound(
      ring_.begin(), ring_.end(), after,
      [](tree::Revision r, const auto& changes) { return r < changes->revision(); });
  std::size_t bytes = 0;
  for (; it != ring_.end(); ++it) {
    if (!page.revisions.empty() && bytes + (*it)->size_bytes() > bytes_max) {
      page.upto = page.revisions.back()->revision();
      break;
    }
    bytes += (*it)->size_bytes();
    page.revisions.push_back(*it);
  }
  return page;
}

}  // namespace fustor::fusion
