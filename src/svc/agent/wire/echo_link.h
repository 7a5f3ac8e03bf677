// echo_link.h: a way to no Fusion: what a pipe would send is written down, one JSON object a line.
//
// For trying a source. It answers as a Fusion with one leader: sessions that begin at once and
// never end by themselves, every batch applied when it is written. A line is a row, or a mark of a
// scan:
//   {"task":"HOST:PIPE","sequence":3,"message_source":"snapshot","event_type":"insert","path":...}
//   {"task":"HOST:PIPE","sequence":1,"message_source":"snapshot","mark":"begin","scan_path":"/"}
// Fields are those of docs/configuration.md (fields_mapping); what is 0 or empty is left out.
#pragma once

#include <memory>
#include <string>

#include "env/task.h"
#include "svc/agent/ports.h"

namespace fustor::agent {

// Where lines go.
class EchoSink {
 public:
  virtual ~EchoSink() = default;
  // Returns when all of `text`, whole lines, is written. One at a time. Errors: kUnavailable,
  // kCancelled.
  virtual env::Task<Status> Write(std::string text) = 0;
  // Thread-safe. What is being written ends with kCancelled.
  virtual void Cancel() = 0;
};

// Pure. The lines of one batch.
std::string EchoLines(const std::string& task_id, const batch::Batch& batch);

class EchoLink final : public FusionLink {
 public:
  explicit EchoLink(std::unique_ptr<EchoSink> sink);
  ~EchoLink() override;

  env::Task<Result<batch::SessionGrant>> Open(batch::SessionRequest request) override;
  env::Task<Result<batch::HeartbeatAnswer>> Beat(batch::Heartbeat beat) override;
  env::Task<Status> Close(std::string session_id) override;
  env::Task<Result<std::unique_ptr<ReportStream>>> Report(std::string session_id) override;
  void CancelReport() override { sink_->Cancel(); }

 private:
  const std::unique_ptr<EchoSink> sink_;
  std::uint64_t last_session_ = 0;  // On the executor of Open.
};

}  // namespace fustor::agent
