#include "adapters/http/wire.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <optional>

#include "base/check.h"

namespace fustor::http {
namespace {

namespace io = boost::asio;
using boost::system::error_code;
using Loop = io::io_context::executor_type;
using Socket = io::basic_stream_socket<io::ip::tcp, Loop>;
using Resolver = io::ip::basic_resolver<io::ip::tcp, Loop>;

class SocketWire final : public Wire, public std::enable_shared_from_this<SocketWire> {
 public:
  SocketWire(io::io_context& loop, std::shared_ptr<Tls> tls, std::string host, std::uint16_t port,
             std::string server_name)
      : socket_(loop),
        resolver_(loop.get_executor()),
        context_(std::move(tls)),
        host_(std::move(host)),
        port_(port),
        server_name_(server_name.empty() ? host_ : std::move(server_name)) {
    if (context_ != nullptr) tls_.emplace(socket_, context_->context());
  }

  // Takes the descriptor over in any case.
  Status Adopt(int fd) {
    sockaddr_storage name{};
    socklen_t size = sizeof(name);
    error_code error;
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) != 0) {
      close(fd);
      return Status(Code::kUnavailable, "the connection is lost");
    }
    socket_.assign(name.ss_family == AF_INET6 ? io::ip::tcp::v6() : io::ip::tcp::v4(), fd, error);
    if (error) {
      close(fd);
      return Status(Code::kUnavailable, error.message());
    }
    Tune();
    return Status();
  }

  std::size_t TryWrite(const Pieces& pieces) override {
    if (tls_ || aborted_) return 0;
    iovec parts[3];
    msghdr message{};
    message.msg_iov = parts;
    for (const std::string_view piece : pieces) {
      if (piece.empty()) continue;
      parts[message.msg_iovlen++] = {const_cast<char*>(piece.data()), piece.size()};
    }
    const ssize_t sent = sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent < 0 ? 0 : static_cast<std::size_t>(sent);
  }

  void ShutdownSend() override {
    error_code ignored;
    if (!tls_) socket_.shutdown(Socket::shutdown_send, ignored);
  }

  void CancelPending() override {
    error_code ignored;
    resolver_.cancel();
    socket_.cancel(ignored);
  }

  void Abort() override {
    if (aborted_) return;
    aborted_ = true;
    CancelPending();
    error_code ignored;
    socket_.shutdown(Socket::shutdown_both, ignored);
  }

  bool PeerGone() const override {
    pollfd state{const_cast<Socket&>(socket_).native_handle(), POLLRDHUP, 0};
    return poll(&state, 1, 0) == 1 && (state.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
  }

  bool tls() const override { return tls_.has_value(); }
  const std::string& failure() const override { return failure_; }

 protected:
  void Start(Io& operation) override {
    Io*& slot = operation.operation() == Operation::kRead ? reading_ : other_;
    FUSTOR_CHECK(slot == nullptr, "two operations of a kind on one connection");
    slot = &operation;
    if (aborted_) return CompleteSoon(slot, IoError::kCancelled);
    switch (operation.operation()) {
      case Operation::kRead:
        return StartRead(operation);
      case Operation::kWrite:
        return StartWrite(operation);
      case Operation::kConnect:
        return StartResolve();
      case Operation::kHandshake:
        return StartHandshake();
      case Operation::kFarewell:
        return StartFarewell();
    }
  }

  void Orphan(Io& operation) override {
    if (reading_ == &operation) reading_ = nullptr;
    if (other_ == &operation) other_ = nullptr;
    Abort();
  }

 private:
  void Tune() {
    const int on = 1;
    setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    error_code ignored;
    socket_.native_non_blocking(true, ignored);
  }

  auto WhenDone(Io* SocketWire::* slot) {
    return [self = shared_from_this(), slot](const error_code& error, std::size_t bytes = 0) {
      self->Complete(slot, error, bytes);
    };
  }

  void Complete(Io* SocketWire::* slot, const error_code& error, std::size_t bytes) {
    Io* operation = std::exchange(this->*slot, nullptr);
    if (operation == nullptr) return;
    IoResult result{bytes, IoError::kNone};
    if (!error) {
      failed_doing_.clear();
    } else {
      result.error = aborted_ || error == io::error::operation_aborted ? IoError::kCancelled
                     : error == io::error::eof || error == io::ssl::error::stream_truncated
                         ? IoError::kEnd
                         : IoError::kFailed;
      if (result.error == IoError::kFailed) failure_ = failed_doing_ + error.message();
    }
    operation->Complete(result);
  }

  void CompleteSoon(Io*& slot, IoError error) {
    Io* SocketWire::* which = &slot == &reading_ ? &SocketWire::reading_ : &SocketWire::other_;
    const error_code code = error == IoError::kNone ? error_code() : io::error::operation_aborted;
    io::post(socket_.get_executor(),
             [self = shared_from_this(), which, code] { self->Complete(which, code, 0); });
  }

  void StartRead(Io& operation) {
    const auto into = io::buffer(operation.into.data(), operation.into.size());
    if (tls_) {
      tls_->async_read_some(into, WhenDone(&SocketWire::reading_));
    } else {
      socket_.async_read_some(into, WhenDone(&SocketWire::reading_));
    }
  }

  void StartWrite(Io& operation) {
    std::array<io::const_buffer, 3> parts;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      parts[i] = io::buffer(operation.pieces[i].data(), operation.pieces[i].size());
    }
    if (tls_) {
      tls_->async_write_some(parts, WhenDone(&SocketWire::other_));
    } else {
      socket_.async_write_some(parts, WhenDone(&SocketWire::other_));
    }
  }

  void StartHandshake() {
    if (!tls_) return CompleteSoon(other_, IoError::kNone);
    tls_->async_handshake(io::ssl::stream_base::server, WhenDone(&SocketWire::other_));
  }

  void StartFarewell() {
    if (!tls_) return CompleteSoon(other_, IoError::kNone);
    tls_->async_shutdown(WhenDone(&SocketWire::other_));
  }

  void StartResolve() {
    resolver_.async_resolve(
        host_, std::to_string(port_),
        [self = shared_from_this()](const error_code& error, const auto& endpoints) {
          if (error || self->aborted_) {
            if (error) self->failed_doing_ = "the host name does not resolve: ";
            self->Complete(&SocketWire::other_, error ? error : io::error::operation_aborted, 0);
            return;
          }
          io::async_connect(self->socket_, endpoints,
                            [self](const error_code& connect_error, const auto&) {
                              self->Connected(connect_error);
                            });
        });
  }

  void Connected(const error_code& error) {
    if (!error) Tune();
    if (error || !tls_) return Complete(&SocketWire::other_, error, 0);
    error_code literal;
    io::ip::make_address(server_name_, literal);
    failed_doing_ = "TLS handshake: ";
    // Server Name Indication is for names, not for addresses (RFC 6066, section 3).
    if (literal) SSL_set_tlsext_host_name(tls_->native_handle(), server_name_.c_str());
    if (context_->verifies()) {
      error_code ignored;
      tls_->set_verify_callback(io::ssl::host_name_verification(server_name_), ignored);
    }
    tls_->async_handshake(io::ssl::stream_base::client, WhenDone(&SocketWire::other_));
  }

  Socket socket_;
  Resolver resolver_;
  std::shared_ptr<Tls> context_;
  std::optional<io::ssl::stream<Socket&>> tls_;
  std::string host_;
  std::uint16_t port_;
  std::string server_name_;
  Io* reading_ = nullptr;
  Io* other_ = nullptr;
  bool aborted_ = false;
  std::string failed_doing_;
  std::string failure_;
};

}  // namespace

Wire::Io Wire::Read(std::span<char> into) {
  FUSTOR_CHECK(!into.empty());
  return Io(*this, Operation::kRead, into, {});
}

Wire::Io Wire::Write(const Pieces& pieces) { return Io(*this, Operation::kWrite, {}, pieces); }

Result<std::shared_ptr<Wire>> AcceptedWire(io::io_context& loop, int fd, std::shared_ptr<Tls> tls) {
  auto wire = std::make_shared<SocketWire>(loop, std::move(tls), "", 0, "");
  FUSTOR_TRY(wire->Adopt(fd));
  return std::shared_ptr<Wire>(std::move(wire));
}

std::shared_ptr<Wire> ClientWire(io::io_context& loop, std::string host, std::uint16_t port,
                                 std::shared_ptr<Tls> tls, std::string server_name) {
  return std::make_shared<SocketWire>(loop, std::move(tls), std::move(host), port,
                                      std::move(server_name));
}

}  // namespace fustor::http
