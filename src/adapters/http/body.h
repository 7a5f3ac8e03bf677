// body.h: the body of a message as it arrives: framing, content coding and limits taken care of.
//
// One per connection, used again for each message. Lives on the loop of its wire; thread safety:
// none.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "adapters/http/codec.h"
#include "adapters/http/inbox.h"
#include "adapters/http/message.h"
#include "adapters/http/outbox.h"
#include "adapters/http/wire.h"
#include "lib/http/chunked.h"
#include "lib/http/http.h"

namespace fustor::http {

struct BodyLimits {
  std::size_t bytes_max = 1 << 20;  // On the wire and after decompression alike.
  // The waiting for the peer may add up to `patience`, and to the time that what it has sent would
  // take at the least rate: a trickle does not hold a connection for ever.
  Nanos patience = Seconds(30);
  std::uint64_t bytes_per_second_min = 256;
};

class Body final : public BodyReader {
 public:
  // REQUIRES: all outlive this.
  Body(Wire& wire, Inbox& inbox, const env::Clock& clock)
      : wire_(wire), inbox_(inbox), clock_(clock) {}

  // The body of the next message; what is in the inbox belongs to it. With `invite` the peer waits
  // for "100 Continue", which is sent through it when somebody reads.
  void Begin(const Framing& framing, Coding coding, const BodyLimits& limits, Outbox* invite);

  env::Task<Result<std::optional<std::string>>> ReadSome() override;
  // Reads and drops what is left, at most `bytes_max`. True when the body has ended well.
  env::Task<bool> Discard(std::size_t bytes_max);

  // Everything was read.
  bool complete() const { return complete_; }
  // What ReadSome failed with; ok while it did not.
  const Status& failure() const { return failure_; }
  // Whether Discard may succeed, as far as is known.
  bool Discardable(std::size_t bytes_max) const;
  Watch& watch() { return watch_; }

 private:
  // Moves what the inbox holds of the body into `out`.
  Status Take(std::string& out);
  Status Append(std::string& out);
  // Puts the next bytes of the body, as they are on the wire, into raw_. False: read more.
  Result<bool> NextRaw();
  env::Task<Status> Fill();

  Wire& wire_;
  Inbox& inbox_;
  const env::Clock& clock_;
  Watch watch_;
  Framing framing_;
  BodyLimits limits_;
  ChunkDecoder chunks_;
  std::unique_ptr<Decoder> decoder_;
  Outbox* invite_ = nullptr;
  std::string_view raw_;          // In the inbox, consumed there.
  std::uint64_t raw_bytes_ = 0;   // Taken from the wire, without framing.
  std::uint64_t out_bytes_ = 0;   // Given to the reader.
  std::uint64_t wire_bytes_ = 0;  // Read while waiting.
  Nanos waited_{0};
  bool more_decoded_ = false;  // The decoder may hold output.
  bool framing_ended_ = true;
  bool complete_ = true;
  Status failure_;
};

}  // namespace fustor::http
