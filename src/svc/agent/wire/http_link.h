// http_link.h: the way to a Fusion that speaks JSON over HTTP (docs/http-api.md, "Agents").
//
// Ours or one of the first generation: what goes out follows from the capabilities that the session
// was granted. One request at a time carries data; it is answered when Fusion has applied it, and
// that is the acknowledgement. 429 and 503 are waited out for kPatience requests; other failures
// are the pipe's to retry: a batch that went twice is taken once.
//
// A Fusion that does not know "move" hears of a rename as a deletion, and then the stream fails so
// that a new session shows everything again. One that does not know "sweeps" takes what a sweep has
// seen as it is and does not say what was different.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "base/time.h"
#include "lib/json/tape.h"
#include "svc/agent/ports.h"
#include "svc/agent/wire/http_port.h"

namespace fustor::agent {

class HttpLink final : public FusionLink {
 public:
  struct Options {
    std::string key;  // Push key of the pipe, a secret: never in an error.
    Nanos call_timeout = Seconds(10);
    Nanos close_timeout = Seconds(3);  // Who closes is about to leave.
    Nanos push_timeout = Seconds(30);
    std::size_t part_bytes_max = std::size_t{8} << 20;
  };
  static constexpr int kPatience = 8;

  // `data` carries rows and sweeps, `control` everything else. `parser` is used on the executor of
  // Open, `data_parser` on that of Report.
  HttpLink(Options options, std::unique_ptr<HttpPort> data, std::unique_ptr<HttpPort> control,
           std::unique_ptr<json::TapeParser> parser, std::unique_ptr<json::TapeParser> data_parser);

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
  env::Task<Result<HttpReply>> Call(std::string method, std::string target, std::string body,
                                    Nanos timeout);
  Result<batch::SessionGrant> ReadGrant(const std::string& body);
  Result<batch::HeartbeatAnswer> ReadBeat(const std::string& body);
  // Sends `body` to a route of sweeps and reads the member `paths` of the answer.
  env::Task<Result<std::vector<std::string>>> AskOnData(std::string method, std::string target,
                                                        std::string body, std::string_view paths,
                                                        std::stop_token stop);

  const Options options_;
  const std::unique_ptr<HttpPort> data_;
  const std::unique_ptr<HttpPort> control_;
  const std::unique_ptr<json::TapeParser> parser_;
  const std::unique_ptr<json::TapeParser> data_parser_;
  // What the last session's Fusion knows; written before its Report is called.
  bool numbered_ = false;
  bool settles_ = false;
  std::stop_source calls_;   // Of the control calls under way.
  std::stop_source report_;  // Of the last Report.
};

}  // namespace fustor::agent
