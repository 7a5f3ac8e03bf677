#include "adapters/http/outbox.h"

#include <utility>

namespace fustor::http {
namespace {

// A fast reader of a large answer must not keep the loop from its other connections.
constexpr std::size_t kWithoutWaitBytesMax = 512 << 10;
constexpr std::size_t kBufferKeptBytes = 32 << 10;
// A larger piece is sent by a task that waits: what the socket does not take is copied otherwise.
constexpr std::size_t kPieceTriedBytesMax = 128 << 10;

std::size_t Size(const Pieces& pieces) {
  return pieces[0].size() + pieces[1].size() + pieces[2].size();
}

void Skip(Pieces& pieces, std::size_t bytes) {
  for (std::string_view& piece : pieces) {
    const std::size_t n = std::min(bytes, piece.size());
    piece.remove_prefix(n);
    bytes -= n;
  }
}

}  // namespace

Outbox::Outbox(std::shared_ptr<Wire> wire, env::Executor& executor, env::TaskGroup& group,
               WriteLimits limits)
    : wire_(std::move(wire)), executor_(executor), group_(group), limits_(limits) {}

bool Outbox::TryFlush(std::string_view piece, std::string_view tail) {
  if (writing_ || broken_) return false;
  const Pieces pieces{buffer_, piece, tail};
  const std::size_t all = Size(pieces);
  if (all == 0) return true;
  if (without_wait_bytes_ + all > kWithoutWaitBytesMax || piece.size() > kPieceTriedBytesMax) {
    return false;
  }
  const std::size_t sent = wire_->TryWrite(pieces);
  without_wait_bytes_ += sent;
  if (sent == 0) return false;
  if (sent < all) {
    // Partly sent pieces stay in order: what is left of them is ours to keep, and small.
    const std::size_t of_buffer = std::min(sent, buffer_.size());
    Pieces rest{std::string_view(), piece, tail};
    Skip(rest, sent - of_buffer);
    buffer_.erase(0, of_buffer);
    buffer_ += rest[1];
    buffer_ += rest[2];
    FlushLater();
    return true;
  }
  buffer_.clear();
  if (buffer_.capacity() > kBufferKeptBytes) std::string().swap(buffer_);
  return true;
}

env::Task<Status> Outbox::WriteAll(Pieces pieces) {
  const Instant start = executor_.clock().Now();
  const std::uint64_t rate = std::max<std::uint64_t>(limits_.bytes_per_second_min, 1);
  const Instant end = start + limits_.stall + Seconds(Size(pieces) / rate);
  for (std::size_t left = Size(pieces); left > 0;) {
    watch_.Arm(std::min(executor_.clock().Now() + limits_.stall, end));
    const IoResult written = co_await wire_->Write(pieces);
    watch_.Disarm();
    if (written.error != IoError::kNone) co_return Broken();
    Skip(pieces, written.bytes);
    left -= written.bytes;
  }
  co_return Status();
}

env::Task<Status> Outbox::Flush(std::string_view piece, std::string_view tail) {
  while (writing_) {
    env::Completion<bool> idle;
    waiter_ = idle.resolver();
    co_await idle.Wait();
  }
  if (broken_) co_return Broken();
  without_wait_bytes_ = 0;
  sending_.clear();
  sending_.swap(buffer_);
  if (sending_.empty() && piece.empty() && tail.empty()) co_return Status();
  writing_ = true;
  const Pieces pieces{sending_, piece, tail};
  Status written = co_await WriteAll(pieces);
  writing_ = false;
  broken_ = broken_ || !written.ok();
  if (sending_.capacity() > kBufferKeptBytes) std::string().swap(sending_);
  if (waiter_) {
    (*waiter_)(true);
    waiter_.reset();
  }
  co_return written;
}

env::Task<void> Outbox::FlushInBackground(std::shared_ptr<Outbox> self) {
  while (!self->buffer_.empty() && !self->broken_) (void)co_await self->Flush();
}

void Outbox::FlushLater() {
  if (flush_later_) return;
  flush_later_ = true;
  executor_.Post([self = shared_from_this()] {
    self->flush_later_ = false;
    self->without_wait_bytes_ = 0;
    if (self->broken_ || self->buffer_.empty() || self->writing_) return;
    if (!self->TryFlush()) self->group_.Spawn(FlushInBackground(self));
  });
}

}  // namespace fustor::http
