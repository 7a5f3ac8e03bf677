#include "adapters/fanotify/handle_table.h"

#include <gtest/gtest.h>
#include <linux/fanotify.h>

#include <cstring>
#include <string>

namespace fustor::fanotify {
namespace {

using env::DirKey;
using env::TreeEvent;
using Kind = env::TreeEvent::Kind;

constexpr std::uint64_t kFsid = 0x1122334455667788;

// Records as the kernel lays them out.
class Records {
 public:
  struct Place {
    std::uint8_t type;
    std::string handle;
    std::string name;
  };

  Records& Add(std::uint64_t mask, const std::vector<Place>& places) {
    std::string infos;
    for (const Place& place : places) infos += Info(place);
    fanotify_event_metadata head{};
    head.event_len = static_cast<std::uint32_t>(sizeof head + infos.size());
    head.vers = FANOTIFY_METADATA_VERSION;
    head.metadata_len = sizeof head;
    head.mask = mask;
    head.fd = FAN_NOFD;
    bytes_.append(reinterpret_cast<const char*>(&head), sizeof head);
    bytes_ += infos;
    return *this;
  }
  Records& Here(std::uint64_t mask, const std::string& handle, const std::string& name) {
    return Add(mask, {{FAN_EVENT_INFO_TYPE_DFID_NAME, handle, name}});
  }
  Records& Rename(const std::string& from, const std::string& name, const std::string& to,
                  const std::string& to_name) {
    return Add(FAN_RENAME, {{FAN_EVENT_INFO_TYPE_OLD_DFID_NAME, from, name},
                            {FAN_EVENT_INFO_TYPE_NEW_DFID_NAME, to, to_name}});
  }
  std::span<const std::byte> bytes() const { return std::as_bytes(std::span(bytes_)); }

 private:
  static std::string Info(const Place& place) {
    std::string body;
    body.append(reinterpret_cast<const char*>(&kFsid), sizeof kFsid);
    const auto size = static_cast<std::uint32_t>(place.handle.size());
    const std::int32_t type = 1;
    body.append(reinterpret_cast<const char*>(&size), sizeof size);
    body.append(reinterpret_cast<const char*>(&type), sizeof type);
    body += place.handle + place.name + '\0';
    while (body.size() % 4 != 0) body += '\0';
    fanotify_event_info_header head{};
    head.info_type = place.type;
    head.len = static_cast<std::uint16_t>(sizeof head + body.size());
    return std::string(reinterpret_cast<const char*>(&head), sizeof head) + body;
  }
  std::string bytes_;
};

HandleHash Hash(const std::string& handle) {
  return HashHandle(std::as_bytes(std::span(&kFsid, 1)), 1, std::as_bytes(std::span(handle)));
}

struct Seen {
  Kind kind;
  bool is_directory;
  std::uint32_t dir;
  std::string name;
  friend bool operator==(const Seen&, const Seen&) = default;
};

std::vector<Seen> Decode(HandleTable& table, const Records& records) {
  std::vector<TreeEvent> events;
  table.Decode(records.bytes(), &events);
  std::vector<Seen> seen;
  for (const TreeEvent& e : events) seen.push_back({e.kind, e.is_directory, e.dir.value, e.name});
  return seen;
}

TEST(HandleTable, MergedRecordsEndWithWhatALookWillSettle) {
  HandleTable table;
  table.Added(Hash("dir1"), DirKey{1});
  Records records;
  records.Here(FAN_CREATE | FAN_DELETE | FAN_CLOSE_WRITE | FAN_MODIFY, "dir1", "f");
  EXPECT_EQ(Decode(table, records), (std::vector<Seen>{{Kind::kRemoved, false, 1, "f"},
                                                       {Kind::kCreated, false, 1, "f"},
                                                       {Kind::kModified, false, 1, "f"},
                                                       {Kind::kClosed, false, 1, "f"}}));
}

TEST(HandleTable, ARemovalAfterAnotherRecordOfTheNameAsksForASecondLook) {
  HandleTable table;
  table.Added(Hash("dir1"), DirKey{1});
  Records records;
  records.Here(FAN_CREATE, "dir1", "f").Here(FAN_DELETE, "dir1", "f").Here(FAN_DELETE, "dir1", "g");
  EXPECT_EQ(Decode(table, records), (std::vector<Seen>{{Kind::kCreated, false, 1, "f"},
                                                       {Kind::kRemoved, false, 1, "f"},
                                                       {Kind::kCreated, false, 1, "f"},
                                                       {Kind::kRemoved, false, 1, "g"}}));
  // Once the queue was empty nothing can have been merged into what was read before.
  table.QueueEmptied();
  Records later;
  later.Here(FAN_DELETE, "dir1", "f");
  EXPECT_EQ(Decode(table, later), (std::vector<Seen>{{Kind::kRemoved, false, 1, "f"}}));
}

TEST(HandleTable, HalvesOfRenamesAcrossTheEdge) {
  HandleTable table;
  table.Added(Hash("dir1"), DirKey{1});
  Records records;
  records.Rename("dir1", "a", "elsewhere", "b").Rename("elsewhere", "c", "dir1", "d");
  records.Rename("elsewhere", "x", "elsewhere", "y");
  EXPECT_EQ(Decode(table, records),
            (std::vector<Seen>{{Kind::kMovedOut, false, 1, "a"}, {Kind::kMovedIn, false, 1, "d"}}));
  EXPECT_EQ(table.unknown(), 1u);
}

TEST(HandleTable, OlderKernelsSendHalvesOnly) {
  HandleTable table;
  table.Added(Hash("dir1"), DirKey{1});
  Records records;
  records.Here(FAN_MOVED_FROM | FAN_ONDIR, "dir1", "a").Here(FAN_MOVED_TO | FAN_ONDIR, "dir1", "b");
  EXPECT_EQ(Decode(table, records),
            (std::vector<Seen>{{Kind::kMovedOut, true, 1, "a"}, {Kind::kMovedIn, true, 1, "b"}}));
}

TEST(HandleTable, TheDirectoryItselfHasNoName) {
  HandleTable table;
  table.Added(Hash("dir1"), DirKey{1});
  Records records;
  records.Here(FAN_ATTRIB | FAN_ONDIR, "dir1", ".").Here(FAN_DELETE_SELF | FAN_ONDIR, "dir1", ".");
  records.Here(FAN_CREATE, "dir1", "after");
  EXPECT_EQ(Decode(table, records),
            (std::vector<Seen>{{Kind::kAttributes, true, 1, ""}, {Kind::kDirGone, true, 1, ""}}));
  EXPECT_EQ(table.size(), 0u);
}

TEST(HandleTable, NewestWins) {
  HandleTable table;
  table.Added(Hash("dir1"), DirKey{1});
  table.Added(Hash("dir1"), DirKey{2});
  table.Added(Hash("dir2"), DirKey{2});
  table.Remove(DirKey{1});
  EXPECT_EQ(table.size(), 1u);
  Records records;
  records.Here(FAN_CREATE, "dir1", "x").Here(FAN_CREATE, "dir2", "y");
  EXPECT_EQ(Decode(table, records), (std::vector<Seen>{{Kind::kCreated, false, 2, "y"}}));
  table.Remove(DirKey{2});
  EXPECT_TRUE(Decode(table, records).empty());
}

TEST(HandleTable, AnOverflowIsAnEventWithoutAPlace) {
  HandleTable table;
  Records records;
  records.Add(FAN_Q_OVERFLOW, {});
  EXPECT_EQ(Decode(table, records), (std::vector<Seen>{{Kind::kOverflow, false, 0, ""}}));
}

TEST(HandleTable, CutOffRecordsAreNotRead) {
  HandleTable table;
  table.Added(Hash("dir1"), DirKey{1});
  Records records;
  records.Here(FAN_CREATE, "dir1", "some-name");
  for (std::size_t n = 0; n < records.bytes().size(); ++n) {
    // A copy, so that a sanitizer sees a step over the end.
    const std::vector<std::byte> cut(records.bytes().begin(),
                                     records.bytes().begin() + static_cast<std::ptrdiff_t>(n));
    std::vector<TreeEvent> events;
    table.Decode(cut, &events);
    EXPECT_TRUE(events.empty());
  }
}

}  // namespace
}  // namespace fustor::fanotify
