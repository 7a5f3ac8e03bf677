// grpc_link.h: the way to a Fusion that speaks api/proto/fustor/v1/agents.proto.
//
// Works over any env::Channel (gRPC, in process, simulated). Keeps two of them apart, so that a
// heartbeat never waits behind a batch. Retries nothing. A Report stream begins with a message that
// names the session; each later one is a batch. What Fusion says beside acknowledgements on that
// stream (commands) is not used: it says the same in its next answer to a heartbeat.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "base/time.h"
#include "env/transport.h"
#include "lib/batch/compressor.h"
#include "svc/agent/ports.h"

namespace fustor::agent {

class GrpcLink final : public FusionLink {
 public:
  struct Options {
    std::string key;  // Push key of the pipe, a secret: never in an error.
    Nanos call_timeout = Seconds(10);
    Nanos close_timeout = Seconds(3);  // Who closes is about to leave.
  };

  // `data` carries the Report streams, `control` everything else. Both must outlive the link and
  // what it returned. `compressor` is used on the executor that calls Report.
  GrpcLink(Options options, env::Channel& data, env::Channel& control,
           std::unique_ptr<batch::Compressor> compressor);
  // The same with channels of its own.
  GrpcLink(Options options, std::unique_ptr<env::Channel> data,
           std::unique_ptr<env::Channel> control, std::unique_ptr<batch::Compressor> compressor);

  // As FusionLink; an answer that makes no sense is kInvalidArgument.
  env::Task<Result<batch::SessionGrant>> Open(batch::SessionRequest request) override;
  env::Task<Result<batch::HeartbeatAnswer>> Beat(batch::Heartbeat beat) override;
  env::Task<Status> Close(std::string session_id) override;
  env::Task<Status> TellConfig(std::string session_id, batch::ConfigReport report) override;
  env::Task<Result<std::unique_ptr<ReportStream>>> Report(std::string session_id) override;
  env::Task<Result<std::vector<std::string>>> ListSuspects(std::string session_id,
                                                           std::stop_token stop) override;
  env::Task<Result<std::vector<std::string>>> Sweep(std::string session_id,
                                                    std::vector<batch::Sighting> sightings,
                                                    bool again, std::stop_token stop) override;
  void CancelCalls() override;
  void CancelReport() override { report_.request_stop(); }

 private:
  env::Task<Result<std::string>> CallOnData(std::string method, std::string request,
                                            std::stop_token stop);
  env::Task<Result<std::string>> Call(std::string method, std::string request, Nanos timeout);

  const Options options_;
  const std::unique_ptr<env::Channel> own_data_;
  const std::unique_ptr<env::Channel> own_control_;
  env::Channel& data_;
  env::Channel& control_;
  const std::unique_ptr<batch::Compressor> compressor_;
  std::stop_source calls_;   // Of the control calls under way.
  std::stop_source report_;  // Of the last Report.
};

}  // namespace fustor::agent
