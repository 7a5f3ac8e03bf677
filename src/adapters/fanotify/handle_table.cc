#include "adapters/fanotify/handle_table.h"

#include <linux/fanotify.h>
#include <xxhash.h>

#include <cstring>

namespace fustor::fanotify {

using env::DirKey;
using env::TreeEvent;
using Kind = env::TreeEvent::Kind;

namespace {

// Past this many names the backlog counts as holding every name.
constexpr std::size_t kBacklogMax = 65'536;

template <class T>
T ReadAs(std::span<const std::byte> bytes) {
  T value{};
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

TreeEvent EventAt(Kind kind, bool is_directory, DirKey dir, std::string_view name) {
  TreeEvent event;
  event.kind = kind;
  event.is_directory = is_directory;
  event.dir = dir;
  event.name = name;
  return event;
}

std::uint64_t NameHash(DirKey dir, std::string_view name, bool is_directory) {
  return XXH3_64bits_withSeed(name.data(), name.size(),
                              (std::uint64_t{dir.value} << 1) | (is_directory ? 1 : 0));
}

}  // namespace

HandleHash HashHandle(std::span<const std::byte> fsid, int type,
                      std::span<const std::byte> handle) {
  std::uint64_t seed = 0;
  std::memcpy(&seed, fsid.data(), std::min(fsid.size(), sizeof seed));
  const XXH128_hash_t hash = XXH3_128bits_withSeed(
      handle.data(), handle.size(), seed + static_cast<std::uint64_t>(type) * 0x9E3779B97F4A7C15u);
  return {hash.low64, hash.high64};
}

struct HandleTable::Record {
  std::uint8_t type = 0;
  bool has_place = false;
  Place place;
};

void HandleTable::Added(const HandleHash& handle, DirKey key) {
  if (const auto old = by_key_.find(key); old != by_key_.end()) {
    if (old->second == handle) return;
    by_handle_.erase(old->second);
    by_key_.erase(old);
  }
  const auto [place, fresh] = by_handle_.try_emplace(handle, key);
  if (!fresh) {
    by_key_.erase(place->second);
    place->second = key;
  }
  by_key_.emplace(key, handle);
}

void HandleTable::Remove(DirKey key) {
  const auto known = by_key_.find(key);
  if (known == by_key_.end()) return;
  by_handle_.erase(known->second);
  by_key_.erase(known);
}

bool HandleTable::NextRecord(std::span<const std::byte>* rest, Record* record) const {
  constexpr std::size_t kFidBytes = offsetof(fanotify_event_info_fid, handle);
  constexpr std::size_t kHandleHeadBytes = 2 * sizeof(std::uint32_t);  // Size and type.
  if (rest->size() < sizeof(fanotify_event_info_header)) return false;
  const auto head = ReadAs<fanotify_event_info_header>(*rest);
  if (head.len < sizeof head || head.len > rest->size()) return false;
  const std::span<const std::byte> body = rest->first(head.len);
  *rest = rest->subspan(head.len);
  *record = Record();
  record->type = head.info_type;
  if (body.size() < kFidBytes + kHandleHeadBytes) return true;
  const auto size = ReadAs<std::uint32_t>(body.subspan(kFidBytes));
  const auto type = ReadAs<std::int32_t>(body.subspan(kFidBytes + sizeof size));
  const std::span<const std::byte> after = body.subspan(kFidBytes + kHandleHeadBytes);
  if (size > after.size()) return true;
  record->has_place = true;
  const HandleHash hash =
      HashHandle(body.subspan(sizeof head, sizeof(__kernel_fsid_t)), type, after.first(size));
  if (const auto known = by_handle_.find(hash); known != by_handle_.end()) {
    record->place.known = true;
    record->place.dir = known->second;
  }
  const auto* name = reinterpret_cast<const char*>(after.data() + size);
  record->place.name = std::string_view(name, strnlen(name, after.size() - size));
  // That is how the kernel names the directory itself.
  if (record->place.name == ".") record->place.name = {};
  return true;
}

void HandleTable::Decode(std::span<const std::byte> records, std::vector<TreeEvent>* events) {
  while (records.size() >= sizeof(fanotify_event_metadata)) {
    const auto event = ReadAs<fanotify_event_metadata>(records);
    if (event.event_len < sizeof event || event.event_len > records.size()) return;
    if (event.vers == FANOTIFY_METADATA_VERSION && event.metadata_len <= event.event_len) {
      DecodeOne(event.mask,
                records.subspan(event.metadata_len, event.event_len - event.metadata_len), events);
    }
    records = records.subspan(event.event_len);
  }
}

void HandleTable::DecodeOne(std::uint64_t mask, std::span<const std::byte> records,
                            std::vector<TreeEvent>* events) {
  if ((mask & FAN_Q_OVERFLOW) != 0) {
    events->push_back(EventAt(Kind::kOverflow, false, {}, {}));
    return;
  }
  Place here;
  Place from;
  Place to;
  bool renamed = false;
  for (Record record; NextRecord(&records, &record);) {
    if (!record.has_place) continue;
    switch (record.type) {
      case FAN_EVENT_INFO_TYPE_OLD_DFID_NAME:
        from = record.place;
        renamed = true;
        break;
      case FAN_EVENT_INFO_TYPE_NEW_DFID_NAME:
        to = record.place;
        renamed = true;
        break;
      case FAN_EVENT_INFO_TYPE_DFID_NAME:
      case FAN_EVENT_INFO_TYPE_DFID:
        here = record.place;
        break;
      default:
        break;
    }
  }
  if (!here.known && !from.known && !to.known) {
    ++unknown_;
    return;
  }
  if (renamed) Renamed((mask & FAN_ONDIR) != 0, from, to, events);
  if (here.known) Here(mask, here, events);
}

void HandleTable::Note(const Place& place, bool is_directory) {
  if (backlog_.size() < kBacklogMax) backlog_.insert(NameHash(place.dir, place.name, is_directory));
}

bool HandleTable::Noted(const Place& place, bool is_directory) const {
  return backlog_.size() >= kBacklogMax ||
         backlog_.contains(NameHash(place.dir, place.name, is_directory));
}

// The kernel merges events of one name, and their order is lost: what a look at the name will
// settle comes last.
void HandleTable::Here(std::uint64_t mask, const Place& at, std::vector<TreeEvent>* events) {
  const bool is_directory = (mask & FAN_ONDIR) != 0 || at.name.empty();
  const auto emit = [&](Kind kind) {
    events->push_back(EventAt(kind, is_directory, at.dir, at.name));
  };
  if ((mask & FAN_DELETE_SELF) != 0 && at.name.empty()) {
    emit(Kind::kDirGone);
    Remove(at.dir);
    return;
  }
  Note(at, is_directory);
  if ((mask & FAN_DELETE) != 0) emit(Kind::kRemoved);
  if ((mask & FAN_MOVED_FROM) != 0) emit(Kind::kMovedOut);
  if ((mask & FAN_MOVED_TO) != 0) emit(Kind::kMovedIn);
  if ((mask & FAN_CREATE) != 0) emit(Kind::kCreated);
  if ((mask & FAN_ATTRIB) != 0) emit(Kind::kAttributes);
  if ((mask & FAN_MODIFY) != 0) emit(Kind::kModified);
  if ((mask & FAN_CLOSE_WRITE) != 0) emit(Kind::kClosed);
}

void HandleTable::Renamed(bool is_directory, const Place& from, const Place& to,
                          std::vector<TreeEvent>* events) {
  if (from.known && to.known) {
    TreeEvent moved = EventAt(Kind::kMoved, is_directory, from.dir, from.name);
    moved.to_dir = to.dir;
    moved.to_name = to.name;
    events->push_back(std::move(moved));
  } else if (from.known) {
    events->push_back(EventAt(Kind::kMovedOut, is_directory, from.dir, from.name));
  } else if (to.known) {
    events->push_back(EventAt(Kind::kMovedIn, is_directory, to.dir, to.name));
  }
  // Something that happened to either name after the rename may have been merged into a record that
  // was before it: a new file under the old name, or the end of the new one. Ask for a second look.
  for (const Place& place : {from, to}) {
    if (!place.known) continue;
    for (const bool directory : {false, true}) {
      if (!Noted(place, directory)) continue;
      events->push_back(EventAt(Kind::kCreated, directory, place.dir, place.name));
    }
    Note(place, is_directory);
  }
}

}  // namespace fustor::fanotify
