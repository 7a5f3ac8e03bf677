#include "adapters/http/loop.h"

#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "adapters/http/connection.h"

namespace fustor::http {
namespace {

constexpr std::size_t kRefusingMax = 128;
constexpr Nanos kRefusalLinger = Seconds(1);
constexpr Nanos kJoinPatience = Seconds(5);
constexpr std::string_view kTooMany =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 34\r\n"
    "Retry-After: 1\r\nConnection: close\r\n\r\n{\"detail\": \"too many connections\"}";

constexpr std::string_view kMethods[] = {"GET",    "HEAD",  "POST",    "PUT",
                                         "DELETE", "PATCH", "OPTIONS", "other"};

Nanos TickFor(const ServerOptions& options) {
  const Nanos least = std::min({options.header_timeout, options.body_timeout, options.write_timeout,
                                options.keep_alive_timeout, options.linger_timeout});
  return std::clamp<Nanos>(least / 8, Millis(5), Millis(500));
}

// https://www.rfc-editor.org/rfc/rfc9110#name-date-time-formats
std::string HttpDate(std::int64_t seconds) {
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t time = seconds;
  std::tm utc{};
  gmtime_r(&time, &utc);
  char text[64];
  const int size = std::snprintf(text, sizeof(text), "%s, %02d %s %d %02d:%02d:%02d GMT",
                                 kDays[utc.tm_wday], utc.tm_mday, kMonths[utc.tm_mon],
                                 utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
  return {text, static_cast<std::size_t>(size)};
}

}  // namespace

Site::Site(ServerOptions server_options, const Router& server_router, MetricRegistry& metrics,
           Logger server_logger)
    : options(std::move(server_options)),
      router(server_router),
      registry(metrics),
      logger(std::move(server_logger)),
      connections_gauge(metrics.AddGauge("fustor_http_connections", "Open connections",
                                         {{"server", options.name}})),
      in_flight(metrics.AddGauge("fustor_http_requests_in_flight", "Requests being answered",
                                 {{"server", options.name}})),
      accepted(metrics.AddCounter("fustor_http_connections_total", "Connections accepted",
                                  {{"server", options.name}})),
      refused(metrics.AddCounter("fustor_http_connections_refused_total",
                                 "Connections over the limit, or without a free descriptor",
                                 {{"server", options.name}})),
      header_timeouts(metrics.AddCounter("fustor_http_timeouts_total", "Slow clients that were cut",
                                         {{"server", options.name}, {"phase", "header"}})),
      body_timeouts(metrics.AddCounter("fustor_http_timeouts_total", "Slow clients that were cut",
                                       {{"server", options.name}, {"phase", "body"}})),
      write_timeouts(metrics.AddCounter("fustor_http_timeouts_total", "Slow clients that were cut",
                                        {{"server", options.name}, {"phase", "write"}})) {}

Loop::Loop(Site& site, std::unique_ptr<asio::ThreadExecutor> executor)
    : site_(site),
      executor_(std::move(executor)),
      group_(*executor_),
      tick_(TickFor(site.options)) {}

Loop::~Loop() { executor_->Stop(); }

void Loop::Serve(int fd, std::string peer) {
  Result<std::shared_ptr<Wire>> wire = AcceptedWire(executor_->context(), fd, site_.tls());
  if (!wire.ok() || draining()) {
    site_.connections.fetch_sub(1);
    return;
  }
  site_.connections_gauge.Add(1);
  site_.accepted.Add();
  auto connection = std::make_shared<Connection>(*this, std::move(*wire), std::move(peer));
  group_.Spawn(Connection::Run(std::move(connection)));
}

void Loop::Refuse(int fd) {
  site_.refused.Add();
  std::erase_if(refusing_, [](const auto& item) { return item.second.expired(); });
  if (draining() || site_.tls() != nullptr || refusing_.size() >= kRefusingMax) {
    close(fd);
    return;
  }
  Result<std::shared_ptr<Wire>> wire = AcceptedWire(executor_->context(), fd, nullptr);
  if (!wire.ok()) return;
  refusing_.emplace_back(Now() + kRefusalLinger, *wire);
  group_.Spawn(RefuseTask(std::move(*wire)));
}

env::Task<void> Loop::RefuseTask(std::shared_ptr<Wire> wire) {
  wire->TryWrite({kTooMany, "", ""});
  wire->ShutdownSend();
  char dropped[1024];
  for (;;) {
    const IoResult read = co_await wire->Read(dropped);
    if (read.error != IoError::kNone) break;
  }
  wire->Abort();
}

void Loop::Tick() {
  RefreshDate();
  const Instant now = Now();
  for (Connection* connection : connections_) connection->Tick(now);
  for (const auto& [deadline, weak] : refusing_) {
    const std::shared_ptr<Wire> wire = weak.lock();
    if (wire != nullptr && now > deadline) wire->Abort();
  }
  if (now > abort_at_) AbortAll();
  tick_timer_ = executor_->PostAt(now + tick_, [this] { Tick(); });
}

void Loop::RefreshDate() {
  const std::int64_t seconds = executor_->clock().WallNow().ns / 1'000'000'000;
  if (seconds == date_seconds_) return;
  date_seconds_ = seconds;
  supply_.date = HttpDate(seconds);
}

void Loop::BeginDrain(Nanos grace) {
  supply_.draining = true;
  abort_at_ = Now() + grace;
  for (const auto& [deadline, weak] : refusing_) {
    if (const std::shared_ptr<Wire> wire = weak.lock()) wire->Abort();
  }
  for (Connection* connection : connections_) {
    if (connection->idle()) connection->CloseIdle();
  }
  if (grace <= Nanos(0)) AbortAll();
}

void Loop::AbortAll() {
  abort_at_ = Instant::Max();
  for (Connection* connection : connections_) connection->Abort();
}

env::Task<void> Loop::Join() {
  while (!connections_.empty()) {
    const Status woken = co_await left_.Wait(Now() + kJoinPatience, {});
    if (woken.ok()) continue;
    site_.logger.Warn("waiting for handlers to return",
                      {{"server", site_.options.name}, {"requests", connections_.size()}});
  }
  co_await group_.Join();
  executor_->CancelTimer(tick_timer_);
}

Loop::RouteMetrics& Loop::MetricsOf(const Handler* handler, std::string_view pattern,
                                    std::string_view method) {
  std::size_t index = 0;
  while (index + 1 < std::size(kMethods) && kMethods[index] != method) ++index;
  RouteMetrics& metrics = route_metrics_[handler][index];
  if (metrics.seconds != nullptr) return metrics;
  const MetricLabels labels{{"server", site_.options.name},
                            {"pattern", pattern.empty() ? "none" : std::string(pattern)},
                            {"method", std::string(kMethods[index])}};
  for (std::size_t i = 0; i < metrics.by_class.size(); ++i) {
    MetricLabels with_class = labels;
    with_class.emplace_back("status", std::to_string(i + 1) + "xx");
    metrics.by_class[i] = &site_.registry.AddCounter("fustor_http_requests_total",
                                                     "Requests answered", std::move(with_class));
  }
  metrics.seconds = &site_.registry.AddHistogram(
      "fustor_http_request_seconds", "From the last byte of the header to the answer sent", labels);
  return metrics;
}

std::list<Connection*>::iterator Loop::Enter(Connection* connection) {
  return connections_.insert(connections_.end(), connection);
}

void Loop::Leave(std::list<Connection*>::iterator place) {
  connections_.erase(place);
  site_.connections.fetch_sub(1);
  site_.connections_gauge.Add(-1);
  if (draining()) left_.Set();
}

}  // namespace fustor::http
