// checkpoint.h: one revision of a tree as bytes, and the tree from these bytes again.
//
// The format is docs/formats/checkpoint.md: a head with a magic number and a version, then frames
// with a checksum each. Each checksum begins with that of the frame before, so a frame that is
// missing, twice or elsewhere is found as surely as a flipped bit; the last frame says how much
// there must be, and nothing may follow it. What is not whole is worth nothing: whoever reads uses
// the tree only when Loader::complete() says so.
//
// Pure: no I/O, no clock. Memory on both sides is one frame and the depth of the tree. Each object
// is used by one thread at a time; Encoder and FrameReader may run on another thread than Loader.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "lib/tree/tree.h"

namespace fustor::checkpoint {

inline constexpr std::uint32_t kVersion = 1;
// Frames of entries are closed when they have reached this, whole entries each.
inline constexpr std::size_t kFrameBytes = 64 << 10;
// Larger frames are an error, whatever they say.
inline constexpr std::size_t kFrameBytesMax = 16 << 20;

// What a checkpoint says of itself.
struct Header {
  std::string view_id;
  std::string source;  // What the view shows, if its owner knows; empty: whatever agents report.
  tree::Revision revision = 0;
  WallTime written_at;        // By the clock of who wrote it.
  WallTime fresh_until;       // Since then nobody vouches for it: when it was written, or earlier.
  std::uint64_t entries = 0;  // The root included.
  struct Reporter {
    std::string agent_id;
    std::string source_uri;
    friend bool operator==(const Reporter&, const Reporter&) = default;
  };
  std::vector<Reporter> reporters;  // tree::Entry::reporter is an index into this.
  friend bool operator==(const Header&, const Header&) = default;
};

// Writes. Holds a revision of the tree from beginning to end.
class Encoder {
 public:
  // `entries` of the header is filled in. REQUIRES: the tree outlives the encoder.
  Encoder(Header header, tree::Snapshot snapshot);

  // Appends the next piece, about kFrameBytes, to `*out`. False: that was the last one. Errors:
  // kResourceExhausted (a header over kFrameBytesMax), then nothing more may be asked.
  // O(piece), plus what a directory takes to be searched for its next subdirectory.
  Result<bool> Next(std::string* out);

  const Header& header() const { return header_; }
  std::uint64_t entries_written() const { return entries_; }

 private:
  struct Level {
    tree::DirId dir;
    std::string after;              // The last name that was written, or gone into.
    std::uint64_t directories = 0;  // In it, that have not been gone into.
    bool listed = false;            // All names are written.
  };
  struct Last;  // What the next row is told relative to.

  void Frame(char type, std::string_view payload, std::string* out);
  std::string HeaderPayload() const;
  void WriteRows(std::string* payload);
  void ListLevel(Last* last, std::string* payload);
  void Descend(std::string* payload);

  Header header_;
  tree::Snapshot snapshot_;
  std::vector<Level> levels_;
  std::uint64_t entries_ = 0;
  std::uint32_t crc_ = 0;
  bool begun_ = false;
};

struct Frame {
  char type = 0;
  std::string payload;
};

// Cuts what was read into frames and checks each.
class FrameReader {
 public:
  // What was read next, in pieces of any size.
  void Take(std::string_view bytes) { buffer_.append(bytes); }
  // nullopt: more has to be read first. Errors: kDataLoss (what is wrong, and at which byte),
  // kUnimplemented (another version).
  Result<std::optional<Frame>> Next();
  // Nothing more comes. Errors: kDataLoss (it was not all).
  Status End() const;

 private:
  Status TakeHead();

  std::string buffer_;
  std::size_t used_ = 0;      // Of buffer_.
  std::uint64_t offset_ = 0;  // Of buffer_ in the file.
  std::uint32_t crc_ = 0;
  bool begun_ = false;
  bool ended_ = false;
};

// Makes a tree of frames.
class Loader {
 public:
  struct Options {
    // Other checkpoints are refused. nullopt: whatever it is.
    std::optional<std::string> view_id = {};
    std::optional<std::string> source = {};
    std::uint64_t entries_max = 0;  // 0: no limit.
    // The revision of the tree will be at least this, and not below that of the checkpoint.
    tree::Revision revision_min = 0;
    // A file with tree::kSuspect. The strings are valid during the call.
    std::function<void(std::string_view directory, std::string_view name, std::int64_t mtime_ns)>
        on_suspect = {};
  };
  // REQUIRES: the tree holds its root and nothing else, outlives the loader and is edited by nobody
  // else meanwhile. It is published now and then; nobody should look before it is complete.
  Loader(Options options, tree::Tree& tree);

  // Errors: kDataLoss (no writer of ours has written that), kFailedPrecondition (another view or
  // source), kResourceExhausted (entries_max). After one the tree holds its root alone again.
  // O(frame log n).
  Status Apply(const Frame& frame);

  // The tree is that of the checkpoint, and published. No entry counts as confirmed in realtime,
  // none is marked uncertain.
  bool complete() const { return complete_; }
  // REQUIRES: a frame has been applied.
  const Header& header() const { return *header_; }
  std::uint64_t entries() const { return entries_; }
  // Leaves the root alone, as after an error.
  void Abandon();

 private:
  struct Last;
  class Input;
  Status ApplyHere(const Frame& frame);
  Status ReadHeader(Input* in);
  Status ReadRows(Input* in);
  Status ReadDirectory(Input* in);
  Status ReadRow(std::uint64_t mask, Last* last, Input* in);
  Status ReadFooter(Input* in);
  Status CheckHeader() const;

  const Options options_;
  tree::Tree& tree_;
  const tree::Entry empty_root_;
  std::optional<Header> header_;
  struct Level {
    tree::DirId dir;
    std::string last_name;     // Names must ascend.
    std::string last_entered;  // As must those of the directories that are gone into.
    bool closed = false;       // A directory in it was gone into: no more names come.
  };
  std::vector<Level> levels_;
  std::uint64_t entries_ = 0;
  std::uint64_t frames_ = 0;
  tree::Entry entry_;
  bool complete_ = false;
  bool failed_ = false;
};

}  // namespace fustor::checkpoint
