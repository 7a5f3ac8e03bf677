#include "adapters/posix/account_names.h"

#include <grp.h>
#include <pwd.h>

#include <cerrno>
#include <vector>

namespace fustor::posix {
namespace {

constexpr std::size_t kKnownMax = 65'536;
constexpr std::chrono::minutes kKeptFor{10};
constexpr std::size_t kRecordBytesMax = std::size_t{1} << 20;  // Groups list their members.

// `ask` is getpwuid_r or its like; of what it finds the field.
template <class Record, class Field, class Value = Field, class Ask>
std::optional<Value> AskSystem(Ask ask, Field Record::* field) {
  Record record{};
  Record* found = nullptr;
  for (std::vector<char> room(4096); room.size() <= kRecordBytesMax; room.resize(room.size() * 4)) {
    const int error = ask(&record, room.data(), room.size(), &found);
    if (error == ERANGE || error == EINTR) continue;
    if (error != 0 || found == nullptr) return std::nullopt;
    return Value(record.*field);
  }
  return std::nullopt;
}

std::optional<std::string> AskUser(std::uint32_t uid) {
  return AskSystem<passwd, char*, std::string>(
      [uid](passwd* record, char* room, std::size_t size, passwd** found) {
        return getpwuid_r(uid, record, room, size, found);
      },
      &passwd::pw_name);
}

std::optional<std::string> AskGroup(std::uint32_t gid) {
  return AskSystem<group, char*, std::string>(
      [gid](group* record, char* room, std::size_t size, group** found) {
        return getgrgid_r(gid, record, room, size, found);
      },
      &group::gr_name);
}

}  // namespace

std::optional<std::string> AccountNames::User(std::uint32_t uid) {
  return LookUp(&users_, uid, &AskUser);
}

std::optional<std::string> AccountNames::Group(std::uint32_t gid) {
  return LookUp(&groups_, gid, &AskGroup);
}

std::optional<std::uint32_t> AccountNames::UserId(const std::string& name) {
  const auto ask = [&name](passwd* record, char* room, std::size_t size, passwd** found) {
    return getpwnam_r(name.c_str(), record, room, size, found);
  };
  return AskSystem<passwd>(ask, &passwd::pw_uid);
}

std::optional<std::uint32_t> AccountNames::GroupId(const std::string& name) {
  const auto ask = [&name](group* record, char* room, std::size_t size, group** found) {
    return getgrnam_r(name.c_str(), record, room, size, found);
  };
  return AskSystem<group>(ask, &group::gr_gid);
}

bool AccountNames::IsUser(const std::string& name) { return UserId(name).has_value(); }

bool AccountNames::IsGroup(const std::string& name) { return GroupId(name).has_value(); }

std::optional<std::string> AccountNames::LookUp(Table* table, std::uint32_t id,
                                                std::optional<std::string> (*ask)(std::uint32_t)) {
  const auto now = std::chrono::steady_clock::now();
  {
    const std::scoped_lock lock(mutex_);
    if (const auto known = table->find(id); known != table->end() && now < known->second.until) {
      return known->second.name;
    }
  }
  std::optional<std::string> name = ask(id);
  const std::scoped_lock lock(mutex_);
  if (table->size() >= kKnownMax) table->clear();
  (*table)[id] = {name, now + kKeptFor};
  return name;
}

}  // namespace fustor::posix
