// http_hello [port] [threads]: answers GET /hello with "hello" and GET /json with 12 kB of JSON,
// until it is killed. For wrk, beside a web server that serves the same as files.
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>

#include "adapters/http/server.h"
#include "lib/http/answers.h"
#include "lib/http/http.h"

namespace fustor::http {
namespace {

class Metrics final : public MetricRegistry {
 public:
  Counter& AddCounter(std::string_view, std::string_view, MetricLabels) override {
    const std::scoped_lock lock(mutex_);
    return counters_.emplace_back();
  }
  Gauge& AddGauge(std::string_view, std::string_view, MetricLabels) override {
    const std::scoped_lock lock(mutex_);
    return gauges_.emplace_back();
  }
  Histogram& AddHistogram(std::string_view, std::string_view, MetricLabels) override {
    const std::scoped_lock lock(mutex_);
    return histograms_.emplace_back();
  }
  void OnScrape(std::function<void()>) override {}

 private:
  std::mutex mutex_;
  std::deque<Counter> counters_;
  std::deque<Gauge> gauges_;
  std::deque<Histogram> histograms_;
};

std::string MakeJson() {
  std::string json = "[";
  for (int i = 0; json.size() < 12'000; ++i) {
    json += (i == 0 ? "" : ",") + std::string("{\"name\":\"file-") + std::to_string(i) +
            "\",\"size\":" + std::to_string(i * 4096) + "}";
  }
  return json + "]";
}

env::Task<void> Hello(Request&, ResponseWriter& writer) {
  Headers headers;
  headers.Add("Content-Type", "text/plain");
  (void)co_await writer.Send(200, std::move(headers), "hello");
}

env::Task<void> Json(Request&, ResponseWriter& writer) {
  static const std::string json = MakeJson();
  (void)co_await SendJson(writer, 200, json);
}

template <class Number>
void Parse(std::string_view text, Number* number) {
  std::from_chars(text.data(), text.data() + text.size(), *number);
}

int Main(int argc, char** argv) {
  Router router;
  router.Add("GET", "/hello", Hello);
  router.Add("GET", "/json", Json);
  Metrics metrics;
  ServerOptions options;
  if (argc > 1) Parse(argv[1], &options.port);
  if (argc > 2) Parse(argv[2], &options.threads);
  if (argc > 4) {
    options.certificate_file = argv[3];
    options.key_file = argv[4];
  }
  auto server = Server::Start(options, router, metrics, Logger());
  if (!server.ok()) {
    std::fprintf(stderr, "%s\n", server.status().ToString().c_str());
    return 1;
  }
  std::printf("%s\n", (*server)->url().c_str());
  std::fflush(stdout);
  for (;;) pause();
}

}  // namespace
}  // namespace fustor::http

int main(int argc, char** argv) { return fustor::http::Main(argc, argv); }
