#include "svc/agent/core/ring.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace fustor::agent {
namespace {

// An upsert changes nothing that a waiting listing's path depends on.
bool IsStructural(const Ring::Item& item) {
  const auto* change = std::get_if<batch::Change>(&item);
  return change != nullptr && change->kind != batch::Change::Kind::kUpsert;
}

}  // namespace

std::size_t Ring::BytesOf(const Item& item) {
  if (const auto* change = std::get_if<batch::Change>(&item)) {
    return sizeof(*change) + change->path.size() + change->old_path.size() + change->target.size();
  }
  const auto& block = std::get<batch::DirBlock>(item);
  return sizeof(block) + block.path.size() + block.rows.size_bytes();
}

std::uint64_t Ring::Queue::BytesFrom(std::uint64_t place) const {
  return place == end() ? 0 : bytes_end - entries[place - first].bytes_before;
}

std::uint64_t Ring::Queue::StructuralFrom(std::uint64_t place) const {
  return place == end() ? 0 : structural_end - entries[place - first].structural_before;
}

void Ring::Queue::Append(Item item) {
  const std::uint64_t bytes_before = std::exchange(bytes_end, bytes_end + BytesOf(item));
  const std::uint64_t structural_before = structural_end;
  if (IsStructural(item)) ++structural_end;
  entries.push_back({std::move(item), bytes_before, structural_before});
}

void Ring::Queue::DropBefore(std::uint64_t place) {
  while (first < place) {
    entries.pop_front();
    ++first;
  }
}

Ring::ReaderId Ring::Attach() {
  readers_[++last_id_].next = shared_.end();
  return last_id_;
}

void Ring::Detach(ReaderId reader) {
  readers_.erase(reader);
  Trim();
}

std::size_t Ring::items_left(ReaderId id) const {
  const Reader& reader = readers_.at(id);
  return QueueOf(reader).end() - reader.next;
}

std::size_t Ring::bytes_left(ReaderId id) const {
  const Reader& reader = readers_.at(id);
  return QueueOf(reader).BytesFrom(reader.next);
}

std::size_t Ring::structural_left(ReaderId id) const {
  const Reader& reader = readers_.at(id);
  return QueueOf(reader).StructuralFrom(reader.next);
}

std::size_t Ring::bytes() const {
  std::size_t bytes = shared_.BytesFrom(shared_.first);
  for (const auto& [id, reader] : readers_) {
    if (reader.own) bytes += reader.queue.BytesFrom(reader.queue.first);
  }
  return bytes;
}

void Ring::Push(Item item) {
  const std::size_t bytes = BytesOf(item);
  std::size_t sharing = 0;
  for (auto& [id, reader] : readers_) {
    if (QueueOf(reader).BytesFrom(reader.next) + bytes <= options_.bytes_max) {
      if (reader.own) reader.queue.Append(item);
      if (!reader.own) ++sharing;
      continue;
    }
    reader.lost = true;
    Join(&reader);
    ++reader.next;  // Behind the item.
  }
  if (sharing != 0) {
    shared_.Append(std::move(item));
  } else {
    // Nobody reads it: the place stays free for those who have lost theirs.
    for (auto& [id, reader] : readers_) {
      if (!reader.own) reader.next = shared_.end();
    }
  }
  Trim();
  SplitSlow();
}

void Ring::SplitSlow() {
  for (;;) {
    Reader* slowest = nullptr;
    std::uint64_t fastest = 0;
    for (auto& [id, reader] : readers_) {
      if (reader.own) continue;
      fastest = std::max(fastest, reader.next);
      if (slowest == nullptr || reader.next < slowest->next) slowest = &reader;
    }
    if (slowest == nullptr) return;
    const std::uint64_t ahead = shared_.BytesFrom(slowest->next) - shared_.BytesFrom(fastest);
    if (ahead == 0 ||
        static_cast<double>(ahead) < options_.split_at * static_cast<double>(options_.bytes_max)) {
      return;
    }
    SplitOff(slowest);
    ++splits_;
  }
}

void Ring::SplitOff(Reader* reader) {
  std::uint64_t others = shared_.end();  // From here on somebody else needs the items too.
  for (const auto& [id, other] : readers_) {
    if (&other != reader && !other.own) others = std::min(others, other.next);
  }
  Queue own;
  for (std::uint64_t place = reader->next; place < shared_.end(); ++place) {
    Item& item = shared_.entries[place - shared_.first].item;
    if (place < others) {
      own.Append(std::move(item));
    } else {
      own.Append(item);
    }
  }
  reader->own = true;
  reader->queue = std::move(own);
  reader->next = 0;
  Trim();
}

void Ring::Join(Reader* reader) {
  reader->own = false;
  reader->queue = Queue();
  reader->next = shared_.end();
}

void Ring::Trim() {
  std::uint64_t needed = shared_.end();
  for (const auto& [id, reader] : readers_) {
    if (!reader.own) needed = std::min(needed, reader.next);
  }
  shared_.DropBefore(needed);
}

const Ring::Item& Ring::Front(ReaderId id) const {
  const Reader& reader = readers_.at(id);
  const Queue& queue = QueueOf(reader);
  FUSTOR_CHECK(reader.next < queue.end());
  return queue.entries[reader.next - queue.first].item;
}

Ring::Item Ring::TakeFront(ReaderId id) {
  Reader& reader = readers_.at(id);
  Queue& queue = reader.own ? reader.queue : shared_;
  FUSTOR_CHECK(reader.next < queue.end());
  Item& item = queue.entries[reader.next - queue.first].item;
  const std::uint64_t place = reader.next++;
  const bool last = reader.own || std::ranges::none_of(readers_, [&](const auto& other) {
                      return !other.second.own && other.second.next <= place;
                    });
  Item taken = last ? std::move(item) : item;
  if (reader.own) {
    queue.DropBefore(reader.next);
    if (queue.entries.empty()) Join(&reader);
  } else if (last) {
    Trim();
  }
  return taken;
}

bool Ring::TakeLoss(ReaderId reader) { return std::exchange(readers_.at(reader).lost, false); }

void Ring::Skip(ReaderId id) {
  Reader& reader = readers_.at(id);
  reader.lost = false;
  Join(&reader);
  Trim();
}

}  // namespace fustor::agent
