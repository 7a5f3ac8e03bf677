// wire.h: the bytes of one TCP connection, plain or TLS, as operations that tasks await.
//
// A wire belongs to one event loop; every call is made there. At most one read and one other
// operation may be pending at a time. Deadlines are whoever's who uses it: CancelPending or Abort.
#pragma once

#include <array>
#include <coroutine>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "adapters/http/tls.h"
#include "base/result.h"

namespace boost::asio {
class io_context;
}

namespace fustor::http {

enum class IoError {
  kNone,
  kEnd,        // The peer has sent all that it will.
  kCancelled,  // CancelPending or Abort.
  kFailed,     // The connection is lost; failure() says why.
};

struct IoResult {
  std::size_t bytes = 0;
  IoError error = IoError::kNone;
};

// Up to three pieces that are sent one after the other.
using Pieces = std::array<std::string_view, 3>;

class Wire {
 public:
  enum class Operation { kRead, kWrite, kConnect, kHandshake, kFarewell };

  // co_await it. Destroying one that is pending aborts the wire.
  class [[nodiscard]] Io {
   public:
    Io(Wire& wire, Operation operation, std::span<char> read_into = {}, const Pieces& send = {})
        : into(read_into), pieces(send), wire_(wire), operation_(operation) {}
    Io(const Io&) = delete;
    ~Io() {
      if (waiter_) wire_.Orphan(*this);
    }
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiter) {
      waiter_ = waiter;
      wire_.Start(*this);
    }
    IoResult await_resume() const noexcept { return result_; }

    Operation operation() const { return operation_; }
    // By the wire, in a later turn of the loop than Start.
    void Complete(IoResult result) {
      result_ = result;
      std::exchange(waiter_, nullptr).resume();
    }

    const std::span<char> into;
    const Pieces pieces;

   private:
    Wire& wire_;
    Operation operation_;
    std::coroutine_handle<> waiter_;
    IoResult result_;
  };

  virtual ~Wire() = default;

  // At least one byte, or an error. REQUIRES: `into` is not empty and stays.
  Io Read(std::span<char> into);
  // At least one byte of what there is. REQUIRES: the pieces are not all empty, and stay.
  Io Write(const Pieces& pieces);
  // Client: resolves, connects, and with TLS shakes hands.
  Io Connect() { return Io(*this, Operation::kConnect); }
  // Server with TLS; at once without.
  Io Handshake() { return Io(*this, Operation::kHandshake); }
  // With TLS: tells the peer that nothing follows, and waits until it has said the same.
  Io Farewell() { return Io(*this, Operation::kFarewell); }

  // Sends what fits without waiting and returns how many bytes did. Plain only; 0 with TLS. A lost
  // connection shows in the next Write.
  virtual std::size_t TryWrite(const Pieces& pieces) = 0;
  // No more bytes will be sent; reading goes on. Plain only.
  virtual void ShutdownSend() = 0;
  // What is pending ends with kCancelled.
  virtual void CancelPending() = 0;
  // Also all that comes later does, and the peer sees the connection closed.
  virtual void Abort() = 0;
  // True when the peer has closed or lost the connection, as far as this end knows already.
  virtual bool PeerGone() const = 0;
  virtual bool tls() const = 0;
  // After kFailed: what happened, for a person.
  virtual const std::string& failure() const = 0;

 protected:
  virtual void Start(Io& io) = 0;
  virtual void Orphan(Io& io) = 0;
};

// The server's end of a connection that was accepted as descriptor `fd`, which it takes over.
// `tls` may be null. Errors: kUnavailable (the connection is lost already).
Result<std::shared_ptr<Wire>> AcceptedWire(boost::asio::io_context& loop, int fd,
                                           std::shared_ptr<Tls> tls);
// The client's end, not yet connected. `tls` may be null; `server_name` is whom its certificate
// must name, empty: the host.
std::shared_ptr<Wire> ClientWire(boost::asio::io_context& loop, std::string host,
                                 std::uint16_t port, std::shared_ptr<Tls> tls,
                                 std::string server_name);

}  // namespace fustor::http
