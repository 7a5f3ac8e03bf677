// account_names.h: names of users and groups.
//
// Asking the system may mean asking a directory service, so answers are kept, also the negative
// ones: at most 65,536 of each kind (then all are forgotten), for ten minutes. Thread-safe; a slow
// service holds up only those who ask for what is not known yet.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

namespace fustor::posix {

class AccountNames {
 public:
  // Nothing when the number has no name.
  std::optional<std::string> User(std::uint32_t uid);
  std::optional<std::string> Group(std::uint32_t gid);

  // Whether the system knows the name. Asked each time.
  static bool IsUser(const std::string& name);
  static bool IsGroup(const std::string& name);
  // The number behind a name; nothing when the system does not know it. Asked each time.
  static std::optional<std::uint32_t> UserId(const std::string& name);
  static std::optional<std::uint32_t> GroupId(const std::string& name);

 private:
  struct Known {
    std::optional<std::string> name;
    std::chrono::steady_clock::time_point until;
  };
  using Table = std::unordered_map<std::uint32_t, Known>;

  std::optional<std::string> LookUp(Table* table, std::uint32_t id,
                                    std::optional<std::string> (*ask)(std::uint32_t));

  std::mutex mutex_;
  Table users_;
  Table groups_;
};

}  // namespace fustor::posix
