#include "svc/agent/wire/unary_stream.h"

namespace fustor::agent {

env::Task<Result<std::uint64_t>> UnaryStream::NextAck() {
  while (acknowledged_ == told_) {
    const Status waited = co_await news_.Wait(Instant::Max(), stop_.get_token());
    if (!waited.ok()) co_return waited;
  }
  told_ = acknowledged_;
  co_return told_;
}

void UnaryStream::Acknowledge(std::uint64_t sequence) {
  acknowledged_ = sequence;
  news_.Set();
}

}  // namespace fustor::agent
