#include "adapters/http/answer.h"

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "lib/http/text.h"

namespace fustor::http {
namespace {

constexpr std::size_t kCompressBytesMin = 1024;
// A larger body is coded in pieces, so that the loop gets its turns.
constexpr std::size_t kCompressAtOnceBytesMax = 256 << 10;
constexpr std::size_t kSliceBytes = 64 << 10;
// Up to here copying into the buffer is cheaper than a second piece.
constexpr std::size_t kCopyBytesMax = 16 << 10;
constexpr std::size_t kCollectBytes = 16 << 10;

// What only the server can say.
bool IsOurs(std::string_view name) {
  switch (name.size()) {
    case 4:
      return EqualsIgnoringCase(name, "Date");
    case 10:
      return EqualsIgnoringCase(name, "Connection");
    case 14:
      return EqualsIgnoringCase(name, "Content-Length");
    case 17:
      return EqualsIgnoringCase(name, "Transfer-Encoding");
    default:
      return false;
  }
}

void AppendNumber(std::string& out, std::uint64_t number, int base = 10) {
  char digits[24];
  const auto [end, error] = std::to_chars(std::begin(digits), std::end(digits), number, base);
  out.append(digits, end);
}

// A handler may copy what a client said into a header: no line may end there.
void AppendValue(std::string& out, std::string_view value) {
  if (std::ranges::none_of(value, [](char c) { return c == '\r' || c == '\n' || c == '\0'; })) {
    out += value;
    return;
  }
  for (const char c : value) out += c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
}

bool HasNoBody(int status) { return status < 200 || status == 204 || status == 304; }

Status OutOfOrder() {
  return Status(Code::kFailedPrecondition, "an answer is sent once: Send, or Start, Write, End");
}

}  // namespace

void Answer::Begin(const AnswerOptions& options) {
  ReturnEncoder();
  options_ = options;
  coding_ = Coding::kIdentity;
  varies_ = false;
  status_ = 0;
  streaming_ = chunked_ = drops_body_ = ended_ = false;
}

void Answer::TakeEncoder(Coding coding) {
  encoder_ = std::move(supply_.encoders[static_cast<std::size_t>(coding)]);
  if (encoder_ == nullptr) encoder_ = MakeEncoder(coding);
}

void Answer::ReturnEncoder() {
  if (encoder_ == nullptr) return;
  encoder_->Reset();
  supply_.encoders[static_cast<std::size_t>(coding_)] = std::move(encoder_);
}

Coding Answer::ChooseFor(int status, const Headers& headers, std::size_t body_bytes,
                         bool& varies) const {
  varies = false;
  if (body_bytes <= kCompressBytesMin || status == 206 || HasNoBody(status)) {
    return Coding::kIdentity;
  }
  const auto type = headers.Find("Content-Type");
  if (!type || !Compressible(*type) || headers.Find("Content-Encoding")) return Coding::kIdentity;
  varies = true;
  return ChooseCoding(options_.accept_encoding);
}

void Answer::AppendHead(int status, const Headers& headers, Length length, std::size_t body_bytes) {
  if (supply_.draining || !request_body_.Discardable(kDiscardBytesMax)) CloseAfter();
  std::string& out = outbox_->buffer();
  out += "HTTP/1.1 ";
  AppendNumber(out, static_cast<std::uint64_t>(status));
  out += ' ';
  out += ReasonPhrase(status);
  out += "\r\nDate: ";
  out += supply_.date;
  out += "\r\n";
  for (const auto& [name, value] : headers.items()) {
    if (IsOurs(name) || !IsToken(name)) continue;
    out += name;
    out += ": ";
    AppendValue(out, value);
    out += "\r\n";
  }
  if (coding_ != Coding::kIdentity) {
    out += "Content-Encoding: ";
    out += CodingName(coding_);
    out += "\r\n";
  }
  if (varies_) out += "Vary: Accept-Encoding\r\n";
  if (length == Length::kKnown) {
    out += "Content-Length: ";
    AppendNumber(out, body_bytes);
    out += "\r\n";
  } else if (length == Length::kChunked) {
    out += "Transfer-Encoding: chunked\r\n";
  }
  if (!options_.keep_alive) {
    out += "Connection: close\r\n";
  } else if (options_.http10) {
    out += "Connection: keep-alive\r\n";
  }
  out += "\r\n";
}

env::Task<Status> Answer::Send(int status, Headers headers, std::string body) {
  if (status_ != 0 || status < 200 || status > 999) co_return OutOfOrder();
  const Coding coding = ChooseFor(status, headers, body.size(), varies_);
  if (coding != Coding::kIdentity && body.size() > kCompressAtOnceBytesMax) {
    FUSTOR_CO_TRY(co_await Start(status, std::move(headers)));
    for (std::size_t at = 0; at < body.size(); at += kSliceBytes) {
      FUSTOR_CO_TRY(co_await Write(body.substr(at, kSliceBytes)));
    }
    co_return co_await End();
  }
  status_ = status;
  ended_ = true;
  coding_ = coding;
  if (coding != Coding::kIdentity) {
    TakeEncoder(coding);
    std::string coded;
    encoder_->Encode(body, Encoder::Flush::kEnd, coded);
    ReturnEncoder();
    body = std::move(coded);
  }
  AppendHead(status, headers, HasNoBody(status) ? Length::kNone : Length::kKnown, body.size());
  if (options_.head_only || HasNoBody(status)) body.clear();
  std::string& buffer = outbox_->buffer();
  if (body.size() <= kCopyBytesMax) {
    buffer += body;
    if (options_.more_requests && buffer.size() < kCollectBytes) {
      outbox_->FlushLater();
      co_return outbox_->broken() ? Outbox::Broken() : Status();
    }
    body.clear();
  }
  if (outbox_->TryFlush(body)) co_return Status();
  co_return co_await outbox_->Flush(body);
}

env::Task<Status> Answer::SendShared(int status, Headers headers, AnswerStore::Body body) {
  const bool coded = ChooseFor(status, headers, body->size(), varies_) != Coding::kIdentity;
  if (coded || options_.head_only || body->size() <= kCopyBytesMax || status_ != 0 ||
      HasNoBody(status) || status > 999) {
    co_return co_await Send(status, std::move(headers), *body);
  }
  status_ = status;
  ended_ = true;
  AppendHead(status, headers, Length::kKnown, body->size());
  if (outbox_->TryFlush(*body)) co_return Status();
  co_return co_await outbox_->Flush(*body);
}

env::Task<Status> Answer::Start(int status, Headers headers) {
  if (status_ != 0 || status < 200 || status > 999) co_return OutOfOrder();
  status_ = status;
  streaming_ = true;
  drops_body_ = options_.head_only || HasNoBody(status);
  coding_ = ChooseFor(status, headers, kCompressBytesMin + 1, varies_);
  if (coding_ != Coding::kIdentity && !drops_body_) TakeEncoder(coding_);
  Length length = Length::kChunked;
  if (HasNoBody(status)) {
    length = Length::kNone;
  } else if (options_.http10) {
    length = Length::kUntilClose;
    CloseAfter();
  }
  chunked_ = length == Length::kChunked;
  AppendHead(status, headers, length, 0);
  outbox_->FlushLater();
  co_return outbox_->broken() ? Outbox::Broken() : Status();
}

env::Task<Status> Answer::FlushEnough() {
  if (outbox_->broken()) co_return Outbox::Broken();
  if (outbox_->buffer().size() < kCollectBytes) {
    outbox_->FlushLater();
    co_return Status();
  }
  if (outbox_->TryFlush()) co_return Status();
  co_return co_await outbox_->Flush();
}

env::Task<Status> Answer::SendContent(std::string content, bool last) {
  std::string& buffer = outbox_->buffer();
  if (chunked_ && !content.empty()) {
    AppendNumber(buffer, content.size(), 16);
    buffer += "\r\n";
  }
  const std::string_view end = !chunked_         ? ""
                               : content.empty() ? (last ? "0\r\n\r\n" : "")
                               : last            ? "\r\n0\r\n\r\n"
                                                 : "\r\n";
  if (content.size() <= kCopyBytesMax) {
    buffer += content;
    buffer += end;
    co_return co_await FlushEnough();
  }
  if (outbox_->TryFlush(content, end)) co_return Status();
  co_return co_await outbox_->Flush(content, end);
}

env::Task<Status> Answer::Write(std::string piece) {
  if (!streaming_ || ended_) co_return OutOfOrder();
  if (outbox_->broken()) co_return Outbox::Broken();
  if (piece.empty() || drops_body_) co_return Status();
  if (encoder_ != nullptr) {
    std::string coded;
    encoder_->Encode(piece, Encoder::Flush::kPiece, coded);
    piece = std::move(coded);
  }
  co_return co_await SendContent(std::move(piece), false);
}

env::Task<Status> Answer::End() {
  if (!streaming_ || ended_) co_return OutOfOrder();
  ended_ = true;
  if (outbox_->broken()) co_return Outbox::Broken();
  std::string rest;
  if (encoder_ != nullptr) {
    encoder_->Encode({}, Encoder::Flush::kEnd, rest);
    ReturnEncoder();
  }
  if (!drops_body_) FUSTOR_CO_TRY(co_await SendContent(std::move(rest), true));
  if (options_.more_requests) co_return Status();
  if (outbox_->TryFlush()) co_return Status();
  co_return co_await outbox_->Flush();
}

}  // namespace fustor::http
