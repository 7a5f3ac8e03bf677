// answer.h: one answer on its way out: head, compression, chunks.
//
// A body that nobody has read decides with its size whether the connection lives on: up to
// kDiscardBytesMax are read and dropped, else the answer says "Connection: close".
//
// One per connection, used again for each request. Lives on the loop; thread safety: none.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "adapters/http/body.h"
#include "adapters/http/codec.h"
#include "adapters/http/outbox.h"
#include "lib/http/http.h"

namespace fustor::http {

inline constexpr std::size_t kDiscardBytesMax = 256 << 10;
inline constexpr std::size_t kStoreBytesMax = 4 << 20;

// What the answers of one loop share.
struct AnswerSupply {
  std::string date;  // "Tue, 02 Jan 2024 03:04:05 GMT"
  // Encoders that are not in use; at most one of each coding is kept.
  std::array<std::unique_ptr<Encoder>, 3> encoders;
  AnswerStore store{kStoreBytesMax};
  bool draining = false;  // Connections end with their present answer.
};

// What the request says about the answer.
struct AnswerOptions {
  bool head_only = false;
  bool http10 = false;
  bool keep_alive = false;     // As far as known when the head goes out.
  bool more_requests = false;  // The next request is here already: its answer can share a packet.
  std::string_view accept_encoding;
};

class Answer final : public ResponseWriter {
 public:
  // REQUIRES: all outlive this.
  Answer(std::shared_ptr<Outbox> outbox, const Body& request_body, AnswerSupply& supply)
      : outbox_(std::move(outbox)), request_body_(request_body), supply_(supply) {}
  ~Answer() override { ReturnEncoder(); }

  void Begin(const AnswerOptions& options);

  // Errors: kUnavailable; kFailedPrecondition (out of order: an answer was begun or ended already).
  env::Task<Status> Send(int status, Headers headers, std::string body) override;
  env::Task<Status> SendShared(int status, Headers headers, AnswerStore::Body body) override;
  env::Task<Status> Start(int status, Headers headers) override;
  env::Task<Status> Write(std::string piece) override;
  env::Task<Status> End() override;
  int status() const override { return status_; }

  bool ended() const { return ended_; }
  // The connection may be used again, as the head said.
  bool keep_alive() const { return options_.keep_alive; }
  // Before the head goes out: it will not be used again.
  void CloseAfter() { options_.keep_alive = false; }

 private:
  enum class Length { kNone, kKnown, kChunked, kUntilClose };

  void AppendHead(int status, const Headers& headers, Length length, std::size_t body_bytes);
  Coding ChooseFor(int status, const Headers& headers, std::size_t body_bytes, bool& varies) const;
  void TakeEncoder(Coding coding);
  void ReturnEncoder();
  // Appends `content` as a chunk, or as it is.
  env::Task<Status> SendContent(std::string content, bool last);
  env::Task<Status> FlushEnough();

  std::shared_ptr<Outbox> outbox_;
  const Body& request_body_;
  AnswerSupply& supply_;
  AnswerOptions options_;
  Coding coding_ = Coding::kIdentity;
  bool varies_ = false;
  std::unique_ptr<Encoder> encoder_;
  int status_ = 0;
  bool streaming_ = false;
  bool chunked_ = false;
  bool drops_body_ = false;
  bool ended_ = false;
};

}  // namespace fustor::http
