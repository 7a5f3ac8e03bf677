// session.h: what an agent and Fusion say to each other about a session, beside the batches.
//
// Pure data. docs/formats/agent-grpc.md tells the conversation.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace fustor::batch {

// A longer time counts as this.
inline constexpr std::int64_t kBegunAgoMaxMs = 86'400'000;
// Above these a message is refused: kInvalidArgument.
inline constexpr std::size_t kIdBytesMax = 1024;     // Ids, states, kinds, names of capabilities.
inline constexpr std::size_t kListLengthMax = 4096;  // Capabilities, views, commands.

enum class Role : std::uint8_t {
  kFollower = 0,
  kLeader = 1,
};
// "leader", "follower"
std::string_view RoleName(Role role);
// Errors: kInvalidArgument.
Result<Role> ParseRole(std::string_view name);

struct SessionRequest {
  std::string task_id;  // "AGENT:PIPE"
  std::string agent_id;
  std::string source_uri;  // Bytes.
  Nanos timeout{0};        // 0: the pipe's default.
  std::vector<std::string> capabilities;
  double delete_fraction_max = 0;  // A scan may delete so much of the view. 0: the view's own.

  friend bool operator==(const SessionRequest&, const SessionRequest&) = default;
};

struct SessionGrant {
  std::string session_id;
  Role role = Role::kFollower;
  Nanos timeout{0};  // Binding.
  Nanos audit_interval{0};
  Nanos sentinel_interval{0};
  std::vector<std::string> view_ids;
  std::uint64_t credit_bytes = 0;  // Encoded bytes that may be under way unacknowledged.
  std::vector<std::string> capabilities;

  friend bool operator==(const SessionGrant&, const SessionGrant&) = default;
};

struct Heartbeat {
  std::string session_id;
  bool can_realtime = false;
  std::string state;
  std::uint64_t rows_sent = 0;
  // Ids of commands that have arrived, and of which no earlier beat has told (or came through).
  std::vector<std::string> acknowledged_commands = {};

  friend bool operator==(const Heartbeat&, const Heartbeat&) = default;
};

// What an agent says that acknowledges commands by their ids: then one that it has not acknowledged
// comes again, and it must know those that it has had already.
inline constexpr std::string_view kCommandIds = "command-ids";

// What Fusion asks of an agent. An agent ignores kinds that it does not know.
struct Command {
  std::string kind;  // "scan", "reload_config", "update_config", "stop_pipe", "upgrade"
  std::string path;  // scan: a view path.
  bool recursive = true;
  std::string job_id;
  std::string name = {};  // stop_pipe: the pipe; update_config: the file; upgrade: the version.
  std::string text = {};  // update_config: what the file shall hold.
  std::string command_id = {};  // Empty: it comes once only. Scans have their job_id.

  friend bool operator==(const Command&, const Command&) = default;
};

// What an upgrade may be asked to bring: 1 to 64 letters, digits or .+~:_- and no - first, so that
// it is neither an option nor a path for who gets it.
bool IsVersion(std::string_view text);

// An agent's configuration, told at the start of a session and after each command that concerns it.
struct ConfigReport {
  std::string filename;
  std::string config_yaml;  // Without secrets, from agents of ours.
  std::string error;        // What is wrong with a change that was asked for; empty: nothing.

  friend bool operator==(const ConfigReport&, const ConfigReport&) = default;
};
inline constexpr std::size_t kConfigBytesMax = std::size_t{512} << 10;

struct HeartbeatAnswer {
  Role role = Role::kFollower;
  std::vector<Command> commands;

  friend bool operator==(const HeartbeatAnswer&, const HeartbeatAnswer&) = default;
};

// What comes back on a Report stream.
struct ReportAnswer {
  std::uint64_t acknowledged_sequence = 0;  // All batches up to here are applied.
  std::vector<Command> commands;

  friend bool operator==(const ReportAnswer&, const ReportAnswer&) = default;
};

// What a sweep has seen at a path that should be looked at again.
struct Sighting {
  std::string path;
  std::int64_t mtime_ns = 0;
  std::int64_t size_bytes = 0;
  std::int64_t ctime_ns = 0;

  friend bool operator==(const Sighting&, const Sighting&) = default;
};
inline constexpr std::size_t kSweepPathsMax = 1000;  // Of one sweep.

// A text as it must be in a message, where one that is not UTF-8 spoils all of it: as it is, or as
// PrintablePath shows it.
std::string Utf8Text(std::string_view text);

// Durations travel as seconds in doubles, exact for whole milliseconds below 100 days.
double ToSeconds(Nanos duration);
// Errors: kInvalidArgument for what is negative, not a number or over 100 years.
Result<Nanos> FromSeconds(double seconds);

}  // namespace fustor::batch
