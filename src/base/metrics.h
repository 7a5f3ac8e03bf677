// metrics.h: numbers that services count, and the registry that a scraper reads.
//
// A service takes a MetricRegistry&, asks once for each number it keeps, and then only adds. Names
// are made in one place per component: fustor_<service>_<noun>_<unit>, counters end in _total.
// Counter, Gauge and Histogram are thread-safe and wait-free; the registry is thread-safe.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fustor {

using MetricLabels = std::vector<std::pair<std::string, std::string>>;

// Only grows.
class Counter {
 public:
  void Add(std::uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  alignas(64) std::atomic<std::uint64_t> value_{0};
};

// Goes up and down.
class Gauge {
 public:
  void Set(std::int64_t v) { value_.store(v, std::memory_order_relaxed); }
  void Add(std::int64_t n) { value_.fetch_add(n, std::memory_order_relaxed); }
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  alignas(64) std::atomic<std::int64_t> value_{0};
};

// Durations in buckets of powers of four from 16 us to 17 s, and the sum.
class Histogram {
 public:
  static constexpr std::size_t kBuckets = 11;  // The last bucket is "more".
  // Upper bound of bucket i in seconds. REQUIRES: i < kBuckets - 1.
  static double BoundSeconds(std::size_t i) {
    return 16e-6 * static_cast<double>(std::uint64_t{1} << (2 * i));
  }
  void Observe(std::int64_t ns) {
    std::size_t i = 0;
    while (i < kBuckets - 1 && ns > (std::int64_t{16'000} << (2 * i))) ++i;
    counts_[i].fetch_add(1, std::memory_order_relaxed);
    sum_ns_.fetch_add(ns, std::memory_order_relaxed);
  }
  std::uint64_t count(std::size_t bucket) const {
    return counts_[bucket].load(std::memory_order_relaxed);
  }
  double sum_seconds() const {
    return static_cast<double>(sum_ns_.load(std::memory_order_relaxed)) / 1e9;
  }

 private:
  std::array<std::atomic<std::uint64_t>, kBuckets> counts_{};
  std::atomic<std::int64_t> sum_ns_{0};
};

// Owns the metrics it hands out; they live as long as the registry. Asking twice for the same name
// and labels gives the same object.
class MetricRegistry {
 public:
  virtual ~MetricRegistry() = default;
  virtual Counter& AddCounter(std::string_view name, std::string_view help,
                              MetricLabels labels = {}) = 0;
  virtual Gauge& AddGauge(std::string_view name, std::string_view help,
                          MetricLabels labels = {}) = 0;
  virtual Histogram& AddHistogram(std::string_view name, std::string_view help,
                                  MetricLabels labels = {}) = 0;
  // `collect` runs at every scrape, on the scraper's thread, and refreshes gauges.
  virtual void OnScrape(std::function<void()> collect) = 0;
};

}  // namespace fustor
