// report.h: what an agent sends to Fusion, and what comes back, as messages of
// api/proto/fustor/v1/agents.proto.
//
// Pure: the same input gives the same bytes. What Fusion sends is checked; errors name the field.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "lib/batch/batch.h"
#include "lib/batch/compressor.h"
#include "lib/batch/session.h"

namespace fustor::agent {

std::string EncodeSessionRequest(const batch::SessionRequest& request);
std::string EncodeHeartbeat(const batch::Heartbeat& heartbeat);
std::string EncodeCloseSession(std::string_view session_id);

std::string EncodeListSuspects(std::string_view session_id);
std::string EncodeSweep(std::string_view session_id, const std::vector<batch::Sighting>& sightings,
                        bool again = false);

// The first message of a Report stream.
std::string EncodeConfigReport(std::string_view session_id, const batch::ConfigReport& report);
std::string EncodeReportStart(std::string_view session_id);
// Each later one. Compressed when that pays. REQUIRES: changes only in a kRealtime batch, and not
// beside blocks; fewer than 2^31 bytes when encoded. O(rows).
std::string EncodeReport(const batch::Batch& batch, batch::Compressor& compressor);

// Errors: kInvalidArgument.
Result<batch::SessionGrant> DecodeSessionGrant(std::string_view bytes);
Result<batch::HeartbeatAnswer> DecodeHeartbeatAnswer(std::string_view bytes);
Result<batch::ReportAnswer> DecodeReportAnswer(std::string_view bytes);
Result<std::vector<std::string>> DecodeSuspects(std::string_view bytes);
Result<std::vector<std::string>> DecodeSweepAnswer(std::string_view bytes);

}  // namespace fustor::agent
