// unread_metrics.h: a MetricRegistry whose numbers nobody reads: for programs without a scraper,
// for the simulator and for tests. Unlike a real one it gives every caller a metric of its own.
// One thread may ask for metrics at a time.
#pragma once

#include <deque>
#include <functional>
#include <string_view>

#include "base/metrics.h"

namespace fustor {

class UnreadMetrics final : public MetricRegistry {
 public:
  Counter& AddCounter(std::string_view, std::string_view, MetricLabels = {}) override {
    return counters_.emplace_back();
  }
  Gauge& AddGauge(std::string_view, std::string_view, MetricLabels = {}) override {
    return gauges_.emplace_back();
  }
  Histogram& AddHistogram(std::string_view, std::string_view, MetricLabels = {}) override {
    return histograms_.emplace_back();
  }
  void OnScrape(std::function<void()>) override {}

 private:
  std::deque<Counter> counters_;
  std::deque<Gauge> gauges_;
  std::deque<Histogram> histograms_;
};

}  // namespace fustor
