// ports.h: what services ask of their process, as the simulated one gives it.
//
// Deterministic; one thread.
#pragma once

#include <deque>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/log.h"
#include "base/metrics.h"
#include "base/prng.h"
#include "env/random.h"
#include "lib/batch/compressor.h"
#include "sim/world.h"

namespace fustor::sim {

// Repeatable: its secrets are none.
class VirtualRandom final : public env::Random {
 public:
  explicit VirtualRandom(Prng prng) : prng_(prng) {}
  void Fill(std::span<std::byte> out) override;

 private:
  Prng prng_;
};

// Nobody scrapes it.
class VirtualMetrics final : public MetricRegistry {
 public:
  Counter& AddCounter(std::string_view, std::string_view, MetricLabels) override {
    return counters_.emplace_back();
  }
  Gauge& AddGauge(std::string_view, std::string_view, MetricLabels) override {
    return gauges_.emplace_back();
  }
  Histogram& AddHistogram(std::string_view, std::string_view, MetricLabels) override {
    return histograms_.emplace_back();
  }
  void OnScrape(std::function<void()>) override {}

 private:
  std::deque<Counter> counters_;
  std::deque<Gauge> gauges_;
  std::deque<Histogram> histograms_;
};

// Leaves everything as it is.
class NoCompressor final : public batch::Compressor {
 public:
  std::string Compress(std::string_view plain) override { return std::string(plain); }
  Result<std::string> Decompress(std::string_view frame, std::size_t limit_bytes) override;
};

// Prints the lines when that is wanted, and remembers the first error: in a simulation nothing
// happens that a person would have to repair.
class VirtualLog final : public LogSink {
 public:
  VirtualLog(const World& world, bool print) : world_(world), print_(print) {}
  void Write(LogLevel level, std::string_view component, std::string_view sentence,
             std::initializer_list<LogField> fields) override;
  // A line of the scenario's own.
  void Say(std::string_view text);
  const std::string& first_error() const { return first_error_; }
  bool prints() const { return print_; }

 private:
  const World& world_;
  const bool print_;
  std::string first_error_;
};

}  // namespace fustor::sim
