// methods.h: the names under which Fusion serves agents (api/proto/fustor/v1/agents.proto).
#pragma once

namespace fustor::batch {

inline constexpr char kOpenSessionMethod[] = "/fustor.v1.Agents/OpenSession";
inline constexpr char kHeartbeatMethod[] = "/fustor.v1.Agents/Heartbeat";
inline constexpr char kCloseSessionMethod[] = "/fustor.v1.Agents/CloseSession";
inline constexpr char kListSuspectsMethod[] = "/fustor.v1.Agents/ListSuspects";
inline constexpr char kSweepMethod[] = "/fustor.v1.Agents/Sweep";
inline constexpr char kTellConfigMethod[] = "/fustor.v1.Agents/TellConfig";
inline constexpr char kReportMethod[] = "/fustor.v1.Agents/Report";  // A stream.

// The metadata that carries the push key of a pipe, on every call.
inline constexpr char kApiKeyMetadata[] = "x-api-key";

}  // namespace fustor::batch
