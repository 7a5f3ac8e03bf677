#include "lib/tree/search.h"

#include <span>
#include <vector>

#include "base/path.h"
#include "lib/tree/entry_filter.h"
#include "lib/tree/name_filter.h"
#include "lib/tree/snapshot.h"

namespace fustor::tree {
namespace {

using Visit = std::function<bool(std::string_view path, const Snapshot::Row& row)>;

class Searcher {
 public:
  Searcher(const Snapshot& snapshot, const SearchQuery& query, std::uint64_t budget_rows,
           const Visit& visit)
      : snapshot_(snapshot),
        query_(query),
        filter_(query.pattern),
        attributes_(query),
        budget_(budget_rows),
        visit_(visit) {}

  std::optional<std::string> Run(std::string_view after);

 private:
  // A directory on the way to where the search is.
  struct Frame {
    std::span<const Chunk* const> chunks;
    std::size_t path_size;  // Of the directory's path in path_, without a slash at its end.
    std::size_t chunk = 0;
    std::uint32_t row = 0;
    bool prepared = false;  // The sets are those of `chunk`.
    RowSet matches, directories;
  };

  bool VisitUnder(std::string_view under, DirId* dir);
  void Resume(std::string_view rest);
  void Push(DirId dir);
  void Prepare(Frame* frame);
  std::string_view PathOfRow(const Frame& frame, std::uint32_t row);
  // Takes what the regular expression costs from the budget.
  bool PassesPath(const ChunkView& view, std::uint32_t row, std::string_view path,
                  std::string_view name);
  // Looks at one row; false when the search ends here.
  bool VisitRow(const Frame& frame, std::uint32_t row);
  const ChunkView& ViewOf(const Chunk& chunk);

  const Snapshot& snapshot_;
  const SearchQuery& query_;
  NameFilter filter_;
  EntryFilter attributes_;
  std::uint64_t budget_;
  const Visit& visit_;
  std::vector<Frame> stack_;
  std::string path_;
  std::optional<ChunkView> view_;
  const Chunk* view_of_ = nullptr;
};

const ChunkView& Searcher::ViewOf(const Chunk& chunk) {
  if (view_of_ != &chunk) {
    view_.emplace(chunk);
    view_of_ = &chunk;
  }
  return *view_;
}

bool Searcher::PassesPath(const ChunkView& view, std::uint32_t row, std::string_view path,
                          std::string_view name) {
  if (query_.regex == nullptr) return attributes_.PassesPath(view, row, path, name);
  constexpr std::uint64_t kRowsPerStep = 16;
  const std::uint64_t before = query_.regex->steps_made();
  const bool passes = attributes_.PassesPath(view, row, path, name);
  budget_ -= std::min(budget_, kRowsPerStep * (query_.regex->steps_made() - before));
  return passes;
}

std::string_view Searcher::PathOfRow(const Frame& frame, std::uint32_t row) {
  const ChunkNames names(*frame.chunks[frame.chunk]);
  path_.resize(frame.path_size);
  path_ += '/';
  path_ += names.prefix();
  path_ += names.rest(row);
  return path_;
}

void Searcher::Push(DirId dir) {
  if (stack_.size() >= query_.depth_max || !filter_.MayMatchBelow(path_)) return;
  Frame frame;
  frame.chunks = SnapshotAccess::ChunksOf(snapshot_, dir);
  frame.path_size = path_.size();
  stack_.push_back(frame);
}

void Searcher::Prepare(Frame* frame) {
  const Chunk& chunk = *frame->chunks[frame->chunk];
  path_.resize(frame->path_size);
  frame->matches = filter_.Match(chunk, path_);
  frame->directories = RowSet{};
  frame->prepared = true;
  if (chunk.has_directories == 0 || stack_.size() >= query_.depth_max) return;
  const ChunkView& view = ViewOf(chunk);
  for (std::uint32_t row = 0; row < chunk.rows; ++row) {
    if (view.dir(row).value != 0) frame->directories.Add(row);
  }
}

bool Searcher::VisitRow(const Frame& frame, std::uint32_t row) {
  const ChunkView& view = ViewOf(*frame.chunks[frame.chunk]);
  if (stack_.size() < query_.depth_min || !attributes_.PassesAttributes(view, row)) return true;
  const std::string_view path = PathOfRow(frame, row);
  const std::string_view name = path.substr(frame.path_size + 1);
  if (!PassesPath(view, row, path, name)) return true;
  return visit_(path, SnapshotAccess::MakeRow(view, row, name));
}

// The entry that the search is limited to. False when it ends the search.
bool Searcher::VisitUnder(std::string_view under, DirId* dir) {
  const auto [parent_path, name] = SplitPath(under);
  const std::optional<Entry> parent = snapshot_.Find(parent_path);
  const auto chunks =
      parent ? SnapshotAccess::ChunksOf(snapshot_, parent->dir) : std::span<const Chunk* const>();
  if (chunks.empty()) return true;
  const Chunk& chunk = *chunks[SnapshotAccess::ChunkFor(chunks, name)];
  bool found = false;
  const std::uint32_t row = ChunkNames(chunk).LowerBound(name, &found);
  if (!found) return true;
  const ChunkView& view = ViewOf(chunk);
  *dir = view.dir(row);
  --budget_;
  if (query_.depth_min > 0 || !filter_.Matches(under, name) ||
      !attributes_.PassesAttributes(view, row) || !PassesPath(view, row, under, name)) {
    return true;
  }
  return visit_(under, SnapshotAccess::MakeRow(view, row, name));
}

// Goes to where the last slice ended, or to where that would be now.
void Searcher::Resume(std::string_view rest) {
  std::size_t level = 1;
  for (auto name = NextComponent(&rest); !name.empty(); name = NextComponent(&rest)) {
    if (stack_.size() < level || stack_.back().chunks.empty()) return;
    Frame& frame = stack_.back();
    frame.chunk = SnapshotAccess::ChunkFor(frame.chunks, name);
    const Chunk& chunk = *frame.chunks[frame.chunk];
    bool found = false;
    frame.row = ChunkNames(chunk).LowerBound(name, &found);
    if (!found) return;
    const DirId dir = ViewOf(chunk).dir(frame.row++);
    if (dir.value == 0) return;
    (path_ += '/') += name;
    Push(dir);
    ++level;
  }
}

std::optional<std::string> Searcher::Run(std::string_view after) {
  const std::string_view under = query_.under;
  const bool all = under == "/";
  const bool resumes = !after.empty() && IsWithin(after, under);
  if (!after.empty() && !resumes && PathLess(under, after)) return std::nullopt;
  if (budget_ == 0) return std::string(after);

  DirId dir = kRoot;
  if (!all) {
    if (resumes) {
      const std::optional<Entry> entry = snapshot_.Find(under);
      dir = entry ? entry->dir : DirId{};
    } else {
      dir = DirId{};
      if (!VisitUnder(under, &dir) || budget_ == 0) return std::string(under);
    }
    if (dir.value == 0) return std::nullopt;
    path_ = under;
  }
  Push(dir);
  if (resumes) Resume(after.substr(all ? 0 : under.size()));

  while (!stack_.empty()) {
    Frame& frame = stack_.back();
    if (frame.chunk == frame.chunks.size()) {
      stack_.pop_back();
      continue;
    }
    if (!frame.prepared) Prepare(&frame);
    const Chunk& chunk = *frame.chunks[frame.chunk];
    const std::uint32_t rows = chunk.rows;
    const std::uint32_t next = std::min(frame.matches.Next(frame.row, frame.directories), rows);
    // Rows from frame.row to before `end` are looked at now; only the last can be of interest.
    const std::uint32_t end = next == rows ? rows : next + 1;
    if (end - frame.row > budget_) {
      const auto last = static_cast<std::uint32_t>(frame.row + budget_ - 1);
      return std::string(PathOfRow(frame, last));
    }
    budget_ -= end - frame.row;
    frame.row = end;
    if (next == rows) {
      if (budget_ == 0) return std::string(PathOfRow(frame, rows - 1));
      ++frame.chunk;
      frame.row = 0;
      frame.prepared = false;
      continue;
    }
    if (frame.matches.Contains(next) && !VisitRow(frame, next)) {
      return std::string(PathOfRow(frame, next));
    }
    if (budget_ == 0) return std::string(PathOfRow(frame, next));
    if (!frame.directories.Contains(next)) continue;
    const DirId child = ViewOf(chunk).dir(next);
    PathOfRow(frame, next);
    Push(child);
  }
  return std::nullopt;
}

}  // namespace

bool PathLess(std::string_view a, std::string_view b) {
  const std::size_t n = std::min(a.size(), b.size());
  for (std::size_t i = 0; i < n; ++i) {
    if (a[i] == b[i]) continue;
    const int x = a[i] == '/' ? -1 : static_cast<std::uint8_t>(a[i]);
    const int y = b[i] == '/' ? -1 : static_cast<std::uint8_t>(b[i]);
    return x < y;
  }
  return a.size() < b.size();
}

std::optional<std::string> Search(
    const Snapshot& snapshot, const SearchQuery& query, std::string_view after,
    std::uint64_t budget_rows,
    const std::function<bool(std::string_view path, const Snapshot::Row& row)>& visit) {
  return Searcher(snapshot, query, budget_rows, visit).Run(after);
}

}  // namespace fustor::tree
