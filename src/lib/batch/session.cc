#include "lib/batch/session.h"

#include <algorithm>
#include <cmath>

#include "base/path.h"

namespace fustor::batch {

std::string_view RoleName(Role role) { return role == Role::kLeader ? "leader" : "follower"; }

Result<Role> ParseRole(std::string_view name) {
  if (name == "leader") return Role::kLeader;
  if (name == "follower") return Role::kFollower;
  return Status(Code::kInvalidArgument, "role: neither \"leader\" nor \"follower\"");
}

std::string Utf8Text(std::string_view text) {
  return IsUtf8(text) ? std::string(text) : PrintablePath(text);
}

double ToSeconds(Nanos duration) { return static_cast<double>(duration.count()) / 1e9; }

Result<Nanos> FromSeconds(double seconds) {
  constexpr double kSecondsMax = 100 * 366 * 86'400.0;
  // Written so that not-a-number fails too.
  if (!(seconds >= 0 && seconds <= kSecondsMax)) {
    return Status(Code::kInvalidArgument, "not a duration from 0 to 100 years");
  }
  return Nanos(std::llround(seconds * 1e9));
}

bool IsVersion(std::string_view text) {
  constexpr std::size_t kBytesMax = 64;
  constexpr std::string_view kOthers = ".+~:_-";
  const auto allowed = [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kOthers.find(c) != std::string_view::npos;
  };
  return !text.empty() && text.size() <= kBytesMax && text.front() != '-' &&
         std::ranges::all_of(text, allowed);
}

}  // namespace fustor::batch
