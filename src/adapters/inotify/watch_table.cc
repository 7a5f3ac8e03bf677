#include "adapters/inotify/watch_table.h"

#include <sys/inotify.h>

#include <cstring>

namespace fustor::inotify {

using env::DirKey;
using env::TreeEvent;
using Kind = env::TreeEvent::Kind;

std::optional<int> WatchTable::Added(int wd, DirKey key) {
  std::optional<int> old;
  if (const auto known = by_key_.find(key); known != by_key_.end() && known->second != wd) {
    old = known->second;
    Forget(*old);
    ++dying_[*old];
  }
  const auto [place, fresh] = by_wd_.try_emplace(wd);
  if (!fresh && place->second.key != key) by_key_.erase(place->second.key);
  // The number was given out again while the end of the old watch is still on its way.
  if (!fresh && place->second.gone) ++dying_[wd];
  place->second = Watch{key};
  by_key_[key] = wd;
  return old;
}

std::optional<int> WatchTable::Remove(DirKey key) {
  const auto known = by_key_.find(key);
  if (known == by_key_.end()) return std::nullopt;
  const int wd = known->second;
  Forget(wd);
  ++dying_[wd];
  return wd;
}

void WatchTable::Forget(int wd) {
  const auto place = by_wd_.find(wd);
  if (place == by_wd_.end()) return;
  by_key_.erase(place->second.key);
  by_wd_.erase(place);
}

void WatchTable::Gone(int wd, std::vector<TreeEvent>* events) {
  const auto place = by_wd_.find(wd);
  if (place == by_wd_.end() || place->second.gone) return;
  place->second.gone = true;
  TreeEvent event;
  event.kind = Kind::kDirGone;
  event.is_directory = true;
  event.dir = place->second.key;
  events->push_back(std::move(event));
}

void WatchTable::Decode(std::span<const std::byte> records, std::vector<TreeEvent>* events) {
  while (records.size() >= sizeof(inotify_event)) {
    inotify_event head{};
    std::memcpy(&head, records.data(), sizeof head);
    const std::size_t size = sizeof head + head.len;
    if (size > records.size()) return;
    const auto* name = reinterpret_cast<const char*>(records.data() + sizeof head);
    DecodeOne(head.wd, head.mask, head.cookie, std::string_view(name, strnlen(name, head.len)),
              events);
    records = records.subspan(size);
  }
}

void WatchTable::DecodeOne(int wd, std::uint32_t mask, std::uint32_t cookie, std::string_view name,
                           std::vector<TreeEvent>* events) {
  if ((mask & IN_Q_OVERFLOW) != 0) {
    // An IN_IGNORED may be among what was lost. Watch numbers are handed out in a circle of 2^31,
    // so that a number forgotten here does not come back soon.
    dying_.clear();
    events->emplace_back().kind = Kind::kOverflow;
    return;
  }
  if (const auto dying = dying_.find(wd); dying != dying_.end()) {
    if ((mask & IN_IGNORED) != 0 && --dying->second == 0) dying_.erase(dying);
    return;
  }
  if ((mask & (IN_DELETE_SELF | IN_UNMOUNT)) != 0) return Gone(wd, events);
  if ((mask & IN_IGNORED) != 0) {
    Gone(wd, events);
    return Forget(wd);
  }
  const auto place = by_wd_.find(wd);
  if (place == by_wd_.end()) return;

  TreeEvent event;
  event.is_directory = (mask & IN_ISDIR) != 0 || name.empty();
  event.dir = place->second.key;
  event.name = name;
  if ((mask & IN_CREATE) != 0) {
    event.kind = Kind::kCreated;
  } else if ((mask & IN_DELETE) != 0) {
    event.kind = Kind::kRemoved;
  } else if ((mask & IN_MOVED_FROM) != 0) {
    event.kind = Kind::kMovedOut;
    event.cookie = cookie;
  } else if ((mask & IN_MOVED_TO) != 0) {
    event.kind = Kind::kMovedIn;
    event.cookie = cookie;
  } else if ((mask & IN_CLOSE_WRITE) != 0) {
    event.kind = Kind::kClosed;
  } else if ((mask & IN_MODIFY) != 0) {
    event.kind = Kind::kModified;
  } else if ((mask & IN_ATTRIB) != 0) {
    event.kind = Kind::kAttributes;
  } else {
    return;
  }
  events->push_back(std::move(event));
}

}  // namespace fustor::inotify
