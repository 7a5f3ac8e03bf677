// agents.h: what agents send to Fusion, and what goes back, as messages of
// api/proto/fustor/v1/agents.proto.
//
// Pure. Nothing an agent sends can do more than cost the time and memory of the limits. A message
// that makes no sense as a whole is kInvalidArgument and names the field; one row, change or block
// that makes none is left out and counted.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "lib/batch/batch.h"
#include "lib/batch/compressor.h"
#include "lib/batch/session.h"

namespace fustor::fusion {

// Errors: kInvalidArgument.
Result<batch::SessionRequest> DecodeSessionRequest(std::string_view bytes);
Result<batch::Heartbeat> DecodeHeartbeat(std::string_view bytes);
// The session's id. Errors: kInvalidArgument.
Result<std::string> DecodeCloseSession(std::string_view bytes);
// The session's id. Errors: kInvalidArgument.
Result<std::string> DecodeListSuspects(std::string_view bytes);
struct SweepReport {
  std::string session_id;
  std::vector<batch::Sighting> sightings;  // At most kSweepPathsMax.
  bool again = false;
};
// Errors: kInvalidArgument.
Result<SweepReport> DecodeSweep(std::string_view bytes);
// The session's id and what it tells.
Result<std::pair<std::string, batch::ConfigReport>> DecodeConfigReport(std::string_view bytes);
// The session's id, from the first message of a Report stream. Errors: kInvalidArgument.
Result<std::string> DecodeReportStart(std::string_view bytes);

struct DecodeLimits {
  // Of a batch, decompressed. Parsing it may take eight times as much for a moment.
  std::size_t plain_bytes_max = std::size_t{64} << 20;
  std::size_t rows_max = 1'000'000;  // And as many changes, blocks and exempt names together.
};

struct DecodedBatch {
  batch::Batch batch;
  // Rows, changes and exempt names that were malformed (a malformed block counts all its rows), and
  // rows whose name came again in the same block (the last one stays).
  std::uint64_t skipped_rows = 0;
};

// A later message of a Report stream. Every path is a view path and every name one that a directory
// can hold; the rows of each block are strictly sorted by name; sizes are not negative. A block
// that lost a malformed row is no longer `complete`: what is missing may exist.
// O(bytes + rows). Allocates per block and per change, not per row.
// Errors: kInvalidArgument; kResourceExhausted when it is over the limits.
Result<DecodedBatch> DecodeReport(std::string_view bytes, batch::Compressor& compressor,
                                  const DecodeLimits& limits);

std::string EncodeSessionGrant(const batch::SessionGrant& grant);
std::string EncodeHeartbeatAnswer(const batch::HeartbeatAnswer& answer);
std::string EncodeCloseAnswer();
std::string EncodeSuspects(const std::vector<std::string>& paths);
std::string EncodeSweepAnswer(const std::vector<std::string>& differing);
std::string EncodeReportAnswer(const batch::ReportAnswer& answer);

}  // namespace fustor::fusion
