// session.h: the contract between one agent pipe and one Fusion pipe, in the words of both.
//
// Pure data; the wire formats are docs/formats/agent-grpc.md and the JSON of the specification.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"

namespace fustor::batch {

enum class Role : std::uint8_t { kFollower = 0, kLeader = 1 };

struct SessionRequest {
  std::string task_id;  // "AGENT:PIPE"
  std::string agent_id;
  std::string source_uri;
  Nanos timeout{0};  // 0: the pipe's default.
  std::vector<std::string> capabilities;
};

struct SessionGrant {
  std::string session_id;
  Role role = Role::kFollower;
  Nanos timeout{0};            // Binding.
  Nanos audit_interval{0};     // 0: off.
  Nanos sentinel_interval{0};  // 0: off.
  std::vector<std::string> view_ids;
  std::uint64_t credit_bytes = 0;  // Encoded bytes that may be on their way unacknowledged.
  std::vector<std::string> capabilities;
};

struct Heartbeat {
  std::string session_id;
  bool can_realtime = false;
  std::string state;
  std::uint64_t rows_sent = 0;
};

struct Command {
  std::string kind;  // "scan"
  std::string path;
  bool recursive = true;
  std::string job_id;
};

struct HeartbeatAnswer {
  Role role = Role::kFollower;
  std::vector<Command> commands;
};

}  // namespace fustor::batch
