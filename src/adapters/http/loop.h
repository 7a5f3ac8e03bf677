// loop.h: one thread of a server: its connections, their deadlines, and what they share.
//
// Everything but the constructor, destructor and executor() is called on the loop.
#pragma once

#include <array>
#include <atomic>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

#include "adapters/asio/executor.h"
#include "adapters/http/answer.h"
#include "adapters/http/server.h"
#include "adapters/http/tls.h"
#include "env/signal.h"
#include "env/task_group.h"

namespace fustor::http {

class Connection;

// What all loops of one server share. Thread-safe.
class Site {
 public:
  Site(ServerOptions server_options, const Router& server_router, MetricRegistry& metrics,
       Logger server_logger);

  std::shared_ptr<Tls> tls() const {
    const std::scoped_lock lock(tls_mutex_);
    return tls_;
  }
  void set_tls(std::shared_ptr<Tls> tls) {
    const std::scoped_lock lock(tls_mutex_);
    tls_ = std::move(tls);
  }

  const ServerOptions options;
  const Router& router;
  MetricRegistry& registry;
  const Logger logger;
  std::atomic<std::size_t> connections{0};
  Gauge& connections_gauge;
  Gauge& in_flight;
  Counter& accepted;
  Counter& refused;
  Counter& header_timeouts;
  Counter& body_timeouts;
  Counter& write_timeouts;

 private:
  mutable std::mutex tls_mutex_;
  std::shared_ptr<Tls> tls_;
};

class Loop {
 public:
  Loop(Site& site, std::unique_ptr<asio::ThreadExecutor> executor);
  // REQUIRES: Join has returned.
  ~Loop();

  asio::ThreadExecutor& executor() { return *executor_; }
  Site& site() { return site_; }
  env::TaskGroup& group() { return group_; }
  AnswerSupply& supply() { return supply_; }
  Instant Now() const { return executor_->clock().Now(); }

  // Takes over an accepted descriptor, which counts in site().connections already.
  void Serve(int fd, std::string peer);
  // Answers 503 and closes. Over a bound it only closes.
  void Refuse(int fd);

  // Deadlines are looked at this often.
  Nanos tick() const { return tick_; }
  void Tick();

  // Idle connections close now, others with their answer; after `grace` all are aborted.
  void BeginDrain(Nanos grace);
  // Returns when no connection is left, and no Tick will come any more. REQUIRES: BeginDrain.
  env::Task<void> Join();
  bool draining() const { return supply_.draining; }

  struct RouteMetrics {
    std::array<Counter*, 5> by_class{};  // 1xx..5xx
    Histogram* seconds = nullptr;
  };
  // `handler` stands for the route, null for none.
  RouteMetrics& MetricsOf(const Handler* handler, std::string_view pattern,
                          std::string_view method);

  // By connections.
  std::list<Connection*>::iterator Enter(Connection* connection);
  void Leave(std::list<Connection*>::iterator place);

 private:
  env::Task<void> RefuseTask(std::shared_ptr<Wire> wire);
  void AbortAll();
  void RefreshDate();

  Site& site_;
  std::unique_ptr<asio::ThreadExecutor> executor_;
  env::TaskGroup group_;
  AnswerSupply supply_;
  const Nanos tick_;
  env::Executor::TimerId tick_timer_ = 0;
  std::int64_t date_seconds_ = 0;
  std::list<Connection*> connections_;
  Instant abort_at_ = Instant::Max();
  env::Signal left_;  // A connection has left while draining.
  std::list<std::pair<Instant, std::weak_ptr<Wire>>> refusing_;
  std::unordered_map<const Handler*, std::array<RouteMetrics, 8>> route_metrics_;
};

}  // namespace fustor::http
