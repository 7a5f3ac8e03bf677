// Feeds arbitrary bytes to everything that reads what an agent sends over gRPC, and to what an
// agent reads of the answers.
#include <cstdint>
#include <string>
#include <string_view>

#include "adapters/zstd/zstd.h"
#include "base/check.h"
#include "svc/agent/wire/report.h"
#include "svc/fusion/wire/agents.h"
#include "svc/fusion/wire/batch_check_testing.h"

namespace fustor::fusion {
namespace {

// Lets the fuzzer reach the batch behind the frame.
class Stored final : public batch::Compressor {
 public:
  std::string Compress(std::string_view plain) override { return std::string(plain); }
  Result<std::string> Decompress(std::string_view frame, std::size_t limit_bytes) override {
    if (frame.size() > limit_bytes) return Status(Code::kResourceExhausted, "over the limit");
    return std::string(frame);
  }
};

constexpr DecodeLimits kLimits{.plain_bytes_max = 1 << 20, .rows_max = 20'000};

void CheckReport(std::string_view bytes, batch::Compressor& compressor) {
  const Result<DecodedBatch> decoded = DecodeReport(bytes, compressor, kLimits);
  if (!decoded.ok()) return;
  CheckBatch(decoded->batch);
  const Result<DecodedBatch> again =
      DecodeReport(agent::EncodeReport(decoded->batch, compressor), compressor, kLimits);
  FUSTOR_CHECK(again.ok() && again->skipped_rows == 0);
  const std::string_view difference = Difference(again->batch, decoded->batch);
  FUSTOR_CHECK(difference.empty(), difference);
}

// What one side has understood, the other writes so that it is understood again.
template <class Decode, class Encode>
void CheckMessage(std::string_view bytes, Decode decode, Encode encode) {
  const auto decoded = decode(bytes);
  if (!decoded.ok()) return;
  const auto again = decode(encode(*decoded));
  FUSTOR_CHECK(again.ok() && *again == *decoded);
}

void Check(std::string_view bytes) {
  Stored stored;
  static const auto zstd = zstd::MakeCompressor();
  CheckReport(bytes, stored);
  CheckReport(bytes, *zstd);
  const std::string frame = zstd->Compress(bytes);
  const Result<std::string> plain = zstd->Decompress(frame, bytes.size());
  FUSTOR_CHECK(plain.ok() && *plain == bytes);
  FUSTOR_CHECK(bytes.empty() || !zstd->Decompress(frame, bytes.size() - 1).ok());
  if (const auto any = zstd->Decompress(bytes, 1 << 20); any.ok()) {
    FUSTOR_CHECK(any->size() <= 1 << 20);
  }

  CheckMessage(bytes, DecodeSessionRequest, agent::EncodeSessionRequest);
  CheckMessage(bytes, DecodeHeartbeat, agent::EncodeHeartbeat);
  CheckMessage(bytes, DecodeCloseSession, agent::EncodeCloseSession);
  CheckMessage(bytes, DecodeReportStart, agent::EncodeReportStart);
  CheckMessage(bytes, DecodeListSuspects, agent::EncodeListSuspects);
  CheckMessage(bytes, DecodeConfigReport,
               [](const auto& told) { return agent::EncodeConfigReport(told.first, told.second); });
  if (const auto sweep = DecodeSweep(bytes); sweep.ok()) {
    FUSTOR_CHECK(sweep->sightings.size() <= batch::kSweepPathsMax);
    const auto again = DecodeSweep(agent::EncodeSweep(sweep->session_id, sweep->sightings));
    FUSTOR_CHECK(again.ok() && again->sightings == sweep->sightings);
  }
  CheckMessage(bytes, agent::DecodeSessionGrant, EncodeSessionGrant);
  CheckMessage(bytes, agent::DecodeHeartbeatAnswer, EncodeHeartbeatAnswer);
  CheckMessage(bytes, agent::DecodeReportAnswer, EncodeReportAnswer);
  CheckMessage(bytes, agent::DecodeSuspects, EncodeSuspects);
  CheckMessage(bytes, agent::DecodeSweepAnswer, EncodeSweepAnswer);
}

}  // namespace
}  // namespace fustor::fusion

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fustor::fusion::Check(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
