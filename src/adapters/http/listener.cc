#include "adapters/http/listener.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace fustor::http {
namespace {

namespace io = boost::asio;
using boost::system::error_code;

constexpr int kBacklog = 4096;
constexpr int kAcceptsPerTurn = 64;

std::string Authority(const std::string& address, std::uint16_t port) {
  const bool v6 = address.find(':') != std::string::npos;
  return (v6 ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

std::string PeerName(const sockaddr_storage& peer) {
  char text[INET6_ADDRSTRLEN] = "";
  if (peer.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(peer);
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof(text));
    return Authority(text, ntohs(v4.sin_port));
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(peer);
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
    inet_ntop(AF_INET, v6.sin6_addr.s6_addr + 12, text, sizeof(text));
  } else {
    inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof(text));
  }
  return Authority(text, ntohs(v6.sin6_port));
}

Status ListenError(int error, const std::string& address, std::uint16_t port) {
  const std::string where = "cannot listen on " + Authority(address, port) + ": ";
  switch (error) {
    case EADDRINUSE:
      return Status(Code::kAlreadyExists,
                    where +
                        "the port is in use; stop the program that has it (ss -ltnp 'sport = :" +
                        std::to_string(port) + "' names it) or configure another port");
    case EACCES:
    case EPERM:
      return Status(Code::kPermissionDenied,
                    where +
                        "ports below 1024 need the capability CAP_NET_BIND_SERVICE; configure a "
                        "higher port or grant it");
    case EADDRNOTAVAIL:
      return Status(
          Code::kInvalidArgument,
          where + "this machine does not have that address; 0.0.0.0 means all of its own");
    default:
      return Status(Code::kUnavailable, where + std::generic_category().message(error));
  }
}

// A socket bound to the address, or -1 and errno.
int BindTo(const addrinfo& address) {
  const int fd = socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  const int on = 1;
  // A restart must not wait for old connections in TIME_WAIT; two listeners are still refused.
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (bind(fd, address.ai_addr, address.ai_addrlen) == 0 && listen(fd, kBacklog) == 0) return fd;
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

class SocketListener final : public Listener {
 public:
  SocketListener(io::io_context& loop, int fd, int family, std::uint16_t port)
      : acceptor_(loop), pause_(loop), port_(port) {
    error_code ignored;
    acceptor_.assign(family == AF_INET6 ? io::ip::tcp::v6() : io::ip::tcp::v4(), fd, ignored);
  }

  std::uint16_t port() const override { return port_; }

  void Accept(OnAccept on_accept, OnExhausted on_exhausted) override {
    on_accept_ = std::move(on_accept);
    on_exhausted_ = std::move(on_exhausted);
    Wait();
  }

  void Close() override {
    error_code ignored;
    closed_ = true;
    acceptor_.close(ignored);
    pause_.cancel();
  }

 private:
  void Wait() {
    acceptor_.async_wait(io::ip::tcp::acceptor::wait_read, [this](const error_code& error) {
      if (!error && !closed_) TakeAll();
    });
  }

  void TakeAll() {
    for (int i = 0; i < kAcceptsPerTurn; ++i) {
      sockaddr_storage peer{};
      socklen_t size = sizeof(peer);
      const int fd = accept4(acceptor_.native_handle(), reinterpret_cast<sockaddr*>(&peer), &size,
                             SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (fd >= 0) {
        on_accept_(fd, PeerName(peer));
      } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        on_exhausted_(std::generic_category().message(errno));
        pause_.expires_after(std::chrono::milliseconds(100));
        pause_.async_wait([this](const error_code& error) {
          if (!error && !closed_) TakeAll();
        });
        return;
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        break;
      }  // What remains are connections that were lost while they waited: the next one, please.
    }
    Wait();
  }

  io::ip::tcp::acceptor acceptor_;
  io::steady_timer pause_;
  const std::uint16_t port_;
  bool closed_ = false;
  OnAccept on_accept_;
  OnExhausted on_exhausted_;
};

}  // namespace

Result<std::unique_ptr<Listener>> Listener::Open(asio::ThreadExecutor& loop,
                                                 const std::string& address, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int code = getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (code != 0) {
    return Status(Code::kInvalidArgument,
                  "cannot listen on " + address + ": it is not an address (" + gai_strerror(code) +
                      "); use an IP address of this machine, 0.0.0.0 or ::");
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
  const int fd = BindTo(*found);
  if (fd < 0) return ListenError(errno, address, port);
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size);
  const std::uint16_t real_port = bound.ss_family == AF_INET6
                                      ? reinterpret_cast<sockaddr_in6&>(bound).sin6_port
                                      : reinterpret_cast<sockaddr_in&>(bound).sin_port;
  return std::unique_ptr<Listener>(
      std::make_unique<SocketListener>(loop.context(), fd, bound.ss_family, ntohs(real_port)));
}

}  // namespace fustor::http
