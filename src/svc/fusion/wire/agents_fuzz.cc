// Feeds arbitrary bytes to everything that reads what an agent sends.

#include <cstdint>
#include <string>

#include "base/check.h"
#include "svc/fusion/wire/agents.h"

namespace {

// Lets the fuzzer reach the batch behind the frame.
class Stored final : public fustor::batch::Compressor {
 public:
  std::string Compress(std::string_view plain) override { return std::string(plain); }
  fustor::Result<std::string> Decompress(std::string_view frame, std::size_t limit_bytes) override {
    if (frame.size() > limit_bytes) {
      return fustor::Status(fustor::Code::kResourceExhausted, "over the limit");
    }
    return std::string(frame);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Stored stored;
  const auto decoded = fustor::fusion::DecodeReport(bytes, stored, {});
  if (decoded.ok()) {
    for (const fustor::batch::DirBlock& block : decoded->batch.blocks) {
      for (std::size_t i = 1; i < block.rows.size(); ++i) {
        FUSTOR_CHECK(block.rows.name(i - 1) < block.rows.name(i));
      }
    }
  }
  (void)fustor::fusion::DecodeSessionRequest(bytes);
  (void)fustor::fusion::DecodeHeartbeat(bytes);
  (void)fustor::fusion::DecodeCloseSession(bytes);
  (void)fustor::fusion::DecodeReportStart(bytes);
  return 0;
}
