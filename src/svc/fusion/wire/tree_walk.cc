#include "svc/fusion/wire/tree_walk.h"

namespace fustor::fusion {

TreeWalk::TreeWalk(const NodeJson& json, std::string_view path, tree::DirId dir,
                   std::uint32_t levels)
    : json_(json), levels_(levels) {
  Frame& frame = frames_.emplace_back();
  frame.parent = NodeJson::MakeParent(path);
  frame.dir = dir;
}

bool TreeWalk::Step(const tree::Snapshot& snapshot, std::uint64_t rows, std::size_t size_max,
                    std::string* out) {
  while (!frames_.empty()) {
    const std::size_t depth = frames_.size();
    if (!StepFrame(snapshot, &rows, size_max, out)) return false;
    if (frames_.size() > depth) continue;
    frames_.pop_back();
    if (!frames_.empty()) *out += std::string(json_.close_children()) + "}";
  }
  return true;
}

bool TreeWalk::StepFrame(const tree::Snapshot& snapshot, std::uint64_t* rows, std::size_t size_max,
                         std::string* out) {
  Frame& frame = frames_.back();
  if (frame.gone) return true;
  bool out_of_room = false;
  tree::DirId below;
  const bool may_descend = frames_.size() < levels_;
  snapshot.ForEachChild(frame.dir, frame.last, [&](const tree::Snapshot::Row& row) {
    if (*rows == 0 || out->size() >= size_max) {
      out_of_room = true;
      return false;
    }
    --*rows;
    if (!frame.first) *out += ',';
    frame.first = false;
    const tree::Entry entry = row.Load();
    json_.AppendKey(row.name(), out);
    json_.AppendOpen(frame.parent, row.name(), entry, snapshot, out);
    frame.last = row.name();
    if (may_descend && entry.attrs.is_directory()) {
      *out += ",\"children\":";
      *out += json_.open_children();
      below = entry.dir;
      return false;
    }
    *out += '}';
    return true;
  });
  if (out_of_room) return false;
  if (below.value != 0) {
    Frame next;
    next.parent = NodeJson::MakeParent(frame.parent.path + frame.last);
    next.name = frame.last;
    next.dir = below;
    frames_.push_back(std::move(next));
  }
  return true;
}

void TreeWalk::Rebase(const tree::Snapshot& snapshot) {
  bool gone = false;
  for (std::size_t i = 0; i < frames_.size(); ++i) {
    Frame& frame = frames_[i];
    std::optional<tree::Entry> entry;
    if (!gone && !frame.gone) {
      if (i == 0) {
        std::string_view path = frame.parent.path;
        if (path.size() > 1) path.remove_suffix(1);
        entry = snapshot.Find(path);
      } else {
        entry = snapshot.Get(frames_[i - 1].dir, frame.name);
      }
    }
    gone = !entry || !entry->attrs.is_directory();
    frame.gone = gone;
    if (!gone) frame.dir = entry->dir;
  }
}

DepthCount::DepthCount(tree::DirId dir, std::uint32_t levels, std::uint64_t count_max)
    : levels_(levels), count_max_(count_max) {
  frames_.push_back({dir, "", false});
}

bool DepthCount::Step(const tree::Snapshot& snapshot, std::uint64_t rows) {
  while (!frames_.empty() && count_ <= count_max_) {
    if (rows == 0) return false;
    Frame& frame = frames_.back();
    if (!frame.counted) {
      frame.counted = true;
      count_ += snapshot.ChildCount(frame.dir);
      --rows;
      if (frames_.size() == levels_) {
        frames_.pop_back();
        continue;
      }
    }
    tree::DirId below;
    bool out_of_rows = false;
    snapshot.ForEachChild(frame.dir, frame.last, [&](const tree::Snapshot::Row& row) {
      if (rows == 0) {
        out_of_rows = true;
        return false;
      }
      --rows;
      frame.last = row.name();
      below = row.dir();
      return below.value == 0;
    });
    if (out_of_rows) return false;
    if (below.value == 0) {
      frames_.pop_back();
    } else {
      frames_.push_back({below, "", false});
    }
  }
  return true;
}

}  // namespace fustor::fusion
