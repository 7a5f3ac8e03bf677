#include "adapters/http/server.h"

#include <unistd.h>

#include <algorithm>
#include <future>
#include <thread>
#include <utility>
#include <vector>

#include "adapters/http/listener.h"
#include "adapters/http/loop.h"
#include "base/check.h"

namespace fustor::http {
namespace {

constexpr Nanos kExhaustedLogEvery = Seconds(10);

// A descriptor on its way to another thread, which may have stopped.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

Result<std::shared_ptr<Tls>> LoadTls(const ServerOptions& options) {
  if (options.certificate_file.empty() && options.key_file.empty()) return std::shared_ptr<Tls>();
  if (options.certificate_file.empty() || options.key_file.empty()) {
    return Status(Code::kInvalidArgument, "TLS needs both a certificate file and a key file");
  }
  return Tls::ForServer(options.certificate_file, options.key_file);
}

class LoopsServer final : public Server {
 public:
  LoopsServer(ServerOptions options, const Router& router, MetricRegistry& metrics, Logger logger)
      : site_(std::move(options), router, metrics, std::move(logger)) {}
  ~LoopsServer() override { LoopsServer::Stop(Nanos(0)); }

  Status Start() {
    FUSTOR_TRY_ASSIGN(std::shared_ptr<Tls> tls, LoadTls(site_.options));
    site_.set_tls(std::move(tls));
    const unsigned threads = site_.options.threads > 0
                                 ? site_.options.threads
                                 : std::max(1u, std::thread::hardware_concurrency());
    for (unsigned i = 0; i < threads; ++i) {
      const std::string name = site_.options.name + "-" + std::to_string(i);
      loops_.push_back(std::make_unique<Loop>(site_, asio::StartThread(name)));
    }
    Result<std::unique_ptr<Listener>> opened =
        Listener::Open(loops_[0]->executor(), site_.options.address, site_.options.port);
    if (!opened.ok()) return opened.status();
    listener_ = std::move(*opened);
    port_ = listener_->port();
    for (const auto& loop : loops_) {
      OnLoop(*loop, [&] { loop->Tick(); });
    }
    OnLoop(*loops_[0], [this] {
      listener_->Accept([this](int fd, std::string peer) { OnAccept(fd, std::move(peer)); },
                        [this](const std::string& what) { OnExhausted(what); });
    });
    site_.logger.Info("serving HTTP", {{"server", site_.options.name}, {"url", url()}});
    return Status();
  }

  std::uint16_t port() const override { return port_; }

  std::string url() const override {
    const std::string& address = site_.options.address;
    const bool v6 = address.find(':') != std::string::npos;
    return std::string(site_.options.key_file.empty() ? "http://" : "https://") +
           (v6 ? "[" + address + "]" : address) + ":" + std::to_string(port_);
  }

  Result<void> ReloadCertificate() override {
    if (site_.options.key_file.empty()) {
      return Status(Code::kFailedPrecondition, "the server does not speak TLS");
    }
    FUSTOR_TRY_ASSIGN(std::shared_ptr<Tls> tls, LoadTls(site_.options));
    site_.set_tls(std::move(tls));
    return {};
  }

  void Stop(Nanos grace) override {
    if (listener_ == nullptr) return;
    OnLoop(*loops_[0], [this] { listener_->Close(); });
    for (const auto& loop : loops_) {
      OnLoop(*loop, [&] { loop->BeginDrain(grace); });
    }
    for (const auto& loop : loops_) asio::BlockOn(loop->executor(), loop->Join());
    for (const auto& loop : loops_) loop->executor().Stop();
    listener_.reset();
    site_.logger.Info("stopped serving HTTP", {{"server", site_.options.name}});
  }

 private:
  // Runs `work` on the loop and waits for it.
  template <class Work>
  static void OnLoop(Loop& loop, Work work) {
    std::promise<void> done;
    loop.executor().Post([&] {
      work();
      done.set_value();
    });
    done.get_future().get();
  }

  // On the first loop.
  void OnAccept(int fd, std::string peer) {
    if (site_.connections.fetch_add(1) >= site_.options.connections_max) {
      site_.connections.fetch_sub(1);
      loops_[0]->Refuse(fd);
      return;
    }
    Loop& loop = *loops_[next_loop_++ % loops_.size()];
    if (&loop == loops_[0].get()) return loop.Serve(fd, std::move(peer));
    loop.executor().Post([&loop, descriptor = Descriptor(fd), name = std::move(peer)]() mutable {
      loop.Serve(descriptor.Release(), std::move(name));
    });
  }

  void OnExhausted(const std::string& what) {
    site_.refused.Add();
    const Instant now = loops_[0]->Now();
    if (now < next_exhausted_log_) return;
    next_exhausted_log_ = now + kExhaustedLogEvery;
    site_.logger.Error("cannot accept connections; raise the limit of open files",
                       {{"server", site_.options.name}, {"error", what}});
  }

  Site site_;
  std::vector<std::unique_ptr<Loop>> loops_;
  std::unique_ptr<Listener> listener_;  // Its socket is on the first loop.
  std::uint16_t port_ = 0;
  std::size_t next_loop_ = 0;
  Instant next_exhausted_log_;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::Start(ServerOptions options, const Router& router,
                                              MetricRegistry& metrics, Logger logger) {
  auto server =
      std::make_unique<LoopsServer>(std::move(options), router, metrics, std::move(logger));
  FUSTOR_TRY(server->Start());
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace fustor::http
