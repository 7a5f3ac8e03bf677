// ring.h: what has happened at a source, once, for everybody who reads it.
//
// Pure; one owner. Items are kept in the order in which they happened until the slowest reader has
// taken them; a reader takes them in order, at its own pace. Readers attach and detach at any time:
// one that attaches begins with what happens from then on, nothing is kept for one that is not
// attached, and an item that nobody reads is not kept at all.
//
// Nobody waits for a reader, and no reader pays for another one:
//  - When the fastest reader is ahead of the slowest by `split_at` of the capacity, the slowest is
//    split off: what it has still to read moves to a ring of its own (it is copied where others
//    need it too), and what happens from then on goes to both. When it has read all of that, it
//    joins the others again, at their end: it has missed nothing.
//  - A reader that an item does not fit for (what it has not read yet, in its ring, would be more
//    than the capacity) loses its place: it goes on behind that item, and `TakeLoss` says so. The
//    others do not notice.
// So a ring holds no more than the capacity, and all of them no more than the capacity for each
// attached reader; it is as much as that only when readers are slow by different amounts.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <variant>

#include "lib/batch/batch.h"

namespace fustor::agent {

class Ring {
 public:
  using Item = std::variant<batch::Change, batch::DirBlock>;
  using ReaderId = std::uint32_t;

  struct Options {
    std::size_t bytes_max = 64 << 20;
    double split_at = 0.95;
  };
  explicit Ring(Options options) : options_(options) {}
  Ring(const Ring&) = delete;

  static std::size_t BytesOf(const Item& item);

  // Amortised constant time in items, linear in readers; a split is linear in what is split off.
  void Push(Item item);

  // --- Readers. Those below: REQUIRES: `reader` is attached. ---
  ReaderId Attach();
  void Detach(ReaderId reader);
  bool empty(ReaderId reader) const { return items_left(reader) == 0; }
  std::size_t items_left(ReaderId reader) const;
  std::size_t bytes_left(ReaderId reader) const;
  // Renames and deletions among what is left.
  std::size_t structural_left(ReaderId reader) const;
  // The next two: REQUIRES: not empty.
  const Item& Front(ReaderId reader) const;
  Item TakeFront(ReaderId reader);
  // True once after items were lost for this reader.
  bool TakeLoss(ReaderId reader);
  bool HasLoss(ReaderId reader) const { return readers_.at(reader).lost; }
  // Forgets what is left and a loss, and goes to the end.
  void Skip(ReaderId reader);

  // It reads a ring of its own.
  bool IsSplit(ReaderId reader) const { return readers_.at(reader).own; }
  std::size_t reader_count() const { return readers_.size(); }
  std::uint64_t splits() const { return splits_; }  // Ever.
  // All rings together; each item as often as it is held.
  std::size_t bytes() const;

 private:
  struct Entry {
    Item item;
    // Sums of all before it, so that what is between two places is a difference.
    std::uint64_t bytes_before = 0;
    std::uint64_t structural_before = 0;
  };
  // Items with places that only grow.
  struct Queue {
    std::deque<Entry> entries;
    std::uint64_t first = 0;  // The place of entries.front().
    std::uint64_t bytes_end = 0;
    std::uint64_t structural_end = 0;

    std::uint64_t end() const { return first + entries.size(); }
    std::uint64_t BytesFrom(std::uint64_t place) const;
    std::uint64_t StructuralFrom(std::uint64_t place) const;
    void Append(Item item);
    void DropBefore(std::uint64_t place);
  };
  struct Reader {
    std::uint64_t next = 0;  // A place in `queue` when it is split off, else in the shared one.
    bool own = false;
    bool lost = false;
    Queue queue;
  };

  const Queue& QueueOf(const Reader& reader) const { return reader.own ? reader.queue : shared_; }
  void SplitSlow();
  void SplitOff(Reader* reader);
  void Join(Reader* reader);
  void Trim();

  const Options options_;
  Queue shared_;
  std::map<ReaderId, Reader> readers_;
  ReaderId last_id_ = 0;
  std::uint64_t splits_ = 0;
};

}  // namespace fustor::agent
