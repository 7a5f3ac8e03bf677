// test_support.h: what the tests of this folder share. Not for programs.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/http/server.h"
#include "base/log.h"
#include "base/metrics.h"
#include "lib/http/http.h"
#include "lib/http/text.h"

namespace fustor::http {

// Keeps metrics under "name{label=value,...}".
class TestMetrics final : public MetricRegistry {
 public:
  Counter& AddCounter(std::string_view name, std::string_view, MetricLabels labels) override {
    const std::scoped_lock lock(mutex_);
    return counters_[Key(name, labels)];
  }
  Gauge& AddGauge(std::string_view name, std::string_view, MetricLabels labels) override {
    const std::scoped_lock lock(mutex_);
    return gauges_[Key(name, labels)];
  }
  Histogram& AddHistogram(std::string_view name, std::string_view, MetricLabels labels) override {
    const std::scoped_lock lock(mutex_);
    return histograms_[Key(name, labels)];
  }
  void OnScrape(std::function<void()>) override {}

  std::uint64_t counter(const std::string& key) {
    const std::scoped_lock lock(mutex_);
    return counters_[key].value();
  }
  std::int64_t gauge(const std::string& key) {
    const std::scoped_lock lock(mutex_);
    return gauges_[key].value();
  }
  std::uint64_t observed(const std::string& key) {
    const std::scoped_lock lock(mutex_);
    std::uint64_t all = 0;
    for (std::size_t i = 0; i < Histogram::kBuckets; ++i) all += histograms_[key].count(i);
    return all;
  }

 private:
  static std::string Key(std::string_view name, const MetricLabels& labels) {
    std::string key = std::string(name) + "{";
    for (const auto& [label, value] : labels) {
      if (label != "server") key += label + "=" + value + ",";
    }
    return key + "}";
  }

  std::mutex mutex_;
  std::map<std::string, Counter> counters_;
  std::map<std::string, Gauge> gauges_;
  std::map<std::string, Histogram> histograms_;
};

class TestLog final : public LogSink {
 public:
  void Write(LogLevel, std::string_view, std::string_view sentence,
             std::initializer_list<LogField>) override {
    const std::scoped_lock lock(mutex_);
    sentences_.emplace_back(sentence);
  }
  bool Has(std::string_view sentence) {
    const std::scoped_lock lock(mutex_);
    for (const std::string& known : sentences_) {
      if (known == sentence) return true;
    }
    return false;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> sentences_;
};

// A blocking socket that says exactly what a test wants to say. Reads give up after 20 s.
class RawClient {
 public:
  // `receive_bytes`: size of the kernel's receive buffer, 0 for the usual.
  explicit RawClient(std::uint16_t port, int receive_bytes = 0);
  RawClient(const RawClient&) = delete;
  ~RawClient();

  // False when the connection is lost.
  bool Send(std::string_view bytes);
  void ShutdownSend();
  // At most `bytes_max`, empty at the end.
  std::string Receive(std::size_t bytes_max = 64 << 10);
  // Until the server closes.
  std::string ReceiveAll();
  // One answer by Content-Length or chunks (which are taken off); what follows stays for later.
  struct Answer {
    int status = 0;
    std::string head;
    std::string body;
    std::string Header(std::string_view name) const;
  };
  Answer ReceiveAnswer(bool to_head = false);
  // Closes so that the peer sees a reset.
  void Reset();

 private:
  bool Fill();

  int fd_;
  std::string buffer_;
};

// A self-signed certificate for "localhost" and 127.0.0.1, and its key, as PEM files that end with
// the object.
class TestCertificate {
 public:
  TestCertificate();
  ~TestCertificate();
  std::string certificate_file;
  std::string key_file;
};

std::string Gzip(std::string_view text);
std::string Zstd(std::string_view text);
// Decodes all of it; "BROKEN" when it is not one whole stream.
std::string Decoded(Coding coding, std::string_view bytes);

}  // namespace fustor::http
