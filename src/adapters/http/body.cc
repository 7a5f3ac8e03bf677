#include "adapters/http/body.h"

#include <algorithm>

namespace fustor::http {
namespace {

constexpr std::size_t kPieceBytes = 64 << 10;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

Status TooLarge(std::size_t bytes_max) {
  return Status(Code::kResourceExhausted,
                "the body is larger than " + std::to_string(bytes_max) + " bytes");
}

}  // namespace

void Body::Begin(const Framing& framing, Coding coding, const BodyLimits& limits, Outbox* invite) {
  framing_ = framing;
  limits_ = limits;
  chunks_ = ChunkDecoder();
  decoder_ = coding == Coding::kIdentity ? nullptr : MakeDecoder(coding);
  invite_ = invite;
  raw_ = {};
  raw_bytes_ = out_bytes_ = wire_bytes_ = 0;
  waited_ = Nanos(0);
  more_decoded_ = false;
  framing_ended_ = framing.empty();
  complete_ = framing.empty();
  failure_ = Status();
}

bool Body::Discardable(std::size_t bytes_max) const {
  if (complete_) return true;
  if (!failure_.ok() || invite_ != nullptr || framing_.until_close) return false;
  return framing_.chunked || framing_.content_bytes - raw_bytes_ <= bytes_max;
}

Result<bool> Body::NextRaw() {
  if (framing_ended_) return false;
  std::string_view data = inbox_.data();
  if (framing_.chunked) {
    const std::size_t before = data.size();
    FUSTOR_TRY_ASSIGN(raw_, chunks_.Next(data));
    inbox_.Consume(before - data.size());
    framing_ended_ = chunks_.done();
  } else {
    const std::uint64_t left =
        framing_.until_close ? data.size() : framing_.content_bytes - raw_bytes_;
    raw_ = data.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left, data.size())));
    inbox_.Consume(raw_.size());
    framing_ended_ = !framing_.until_close && raw_.size() == left;
  }
  raw_bytes_ += raw_.size();
  if (raw_bytes_ > limits_.bytes_max) return TooLarge(limits_.bytes_max);
  return !raw_.empty();
}

Status Body::Append(std::string& out) {
  const std::size_t before = out.size();
  if (decoder_ == nullptr) {
    out += raw_;
    raw_ = {};
  } else {
    const std::size_t room = kPieceBytes - before;
    FUSTOR_TRY(decoder_->Decode(raw_, out, room));
    more_decoded_ = out.size() - before == room;
  }
  out_bytes_ += out.size() - before;
  if (out_bytes_ > limits_.bytes_max) return TooLarge(limits_.bytes_max);
  return Status();
}

Status Body::Take(std::string& out) {
  while (out.size() < kPieceBytes) {
    if (raw_.empty() && !more_decoded_) {
      FUSTOR_TRY_ASSIGN(const bool some, NextRaw());
      if (!some) break;
    }
    FUSTOR_TRY(Append(out));
  }
  if (framing_ended_ && raw_.empty() && !more_decoded_) {
    if (decoder_ != nullptr && !decoder_->AtEnd()) {
      return Status(Code::kInvalidArgument, "the compressed body is cut off");
    }
    complete_ = true;
    decoder_.reset();
  }
  return Status();
}

env::Task<Status> Body::Fill() {
  if (invite_ != nullptr) {
    Outbox& outbox = *std::exchange(invite_, nullptr);
    outbox.buffer() += kContinue;
    FUSTOR_CO_TRY(co_await outbox.Flush());
  }
  const std::span<char> room = inbox_.Room(kPieceBytes);
  const Instant start = clock_.Now();
  const std::uint64_t rate = std::max<std::uint64_t>(limits_.bytes_per_second_min, 1);
  const Nanos earned = Millis(std::min<std::uint64_t>(wire_bytes_, 1u << 30) * 1000 / rate);
  watch_.Arm(start + limits_.patience + earned - waited_);
  const IoResult read = co_await wire_.Read(room);
  watch_.Disarm();
  waited_ += clock_.Now() - start;
  switch (read.error) {
    case IoError::kNone:
      wire_bytes_ += read.bytes;
      inbox_.Added(read.bytes);
      co_return Status();
    case IoError::kCancelled:
      if (watch_.expired) {
        co_return Status(Code::kDeadlineExceeded, "the body did not arrive in time");
      }
      co_return Status(Code::kUnavailable, "the connection was closed");
    case IoError::kEnd:
      if (framing_.until_close) {
        framing_ended_ = true;
        co_return Status();
      }
      [[fallthrough]];
    case IoError::kFailed:
      break;
  }
  co_return Status(Code::kUnavailable, "the connection was lost in the middle of the body");
}

env::Task<Result<std::optional<std::string>>> Body::ReadSome() {
  std::string piece;
  while (failure_.ok()) {
    failure_ = Take(piece);
    if (!failure_.ok()) break;
    if (!piece.empty()) co_return std::optional<std::string>(std::move(piece));
    if (complete_) co_return std::optional<std::string>();
    failure_ = co_await Fill();
  }
  co_return failure_;
}

env::Task<bool> Body::Discard(std::size_t bytes_max) {
  // Not decoded: nobody will look at it.
  decoder_.reset();
  raw_ = {};
  more_decoded_ = false;
  limits_.bytes_max = raw_bytes_ + bytes_max;
  out_bytes_ = raw_bytes_;
  std::string dropped;
  while (failure_.ok() && !complete_) {
    dropped.clear();
    failure_ = Take(dropped);
    if (!failure_.ok() || complete_ || !dropped.empty()) continue;
    failure_ = co_await Fill();
  }
  co_return failure_.ok();
}

}  // namespace fustor::http
