// unary_stream.h: a report stream where a batch is acknowledged when its Send has ended.
//
// For ways to Fusion without a stream of answers. On the executor of Report, but for Cancel.
#pragma once

#include <cstdint>
#include <stop_token>

#include "env/signal.h"
#include "svc/agent/ports.h"

namespace fustor::agent {

class UnaryStream : public ReportStream {
 public:
  env::Task<Result<std::uint64_t>> NextAck() final;
  void Cancel() override { stop_.request_stop(); }

 protected:
  // All up to this sequence is applied.
  void Acknowledge(std::uint64_t sequence);
  // Stopped by Cancel.
  std::stop_token stop() const { return stop_.get_token(); }

 private:
  std::uint64_t acknowledged_ = 0;
  std::uint64_t told_ = 0;
  env::Signal news_;
  std::stop_source stop_;
};

}  // namespace fustor::agent
