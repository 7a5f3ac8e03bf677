#include "adapters/prometheus/registry.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <limits>
#include <map>
#include <mutex>
#include <sstream>

#include "base/check.h"

namespace fustor::prometheus {
namespace {

using ::prometheus::ClientMetric;
using ::prometheus::MetricFamily;
using ::prometheus::MetricType;

bool IsName(std::string_view name, bool colon) {
  const auto letter = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (colon && c == ':');
  };
  return !name.empty() && letter(name[0]) &&
         std::ranges::all_of(name, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

void Collect(const Counter& counter, ClientMetric* out) {
  out->counter.value = static_cast<double>(counter.value());
}

void Collect(const Gauge& gauge, ClientMetric* out) {
  out->gauge.value = static_cast<double>(gauge.value());
}

void Collect(const Histogram& histogram, ClientMetric* out) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
    sum += histogram.count(i);
    const bool last = i == Histogram::kBuckets - 1;
    out->histogram.bucket.push_back(
        {sum, last ? std::numeric_limits<double>::infinity() : Histogram::BoundSeconds(i)});
  }
  out->histogram.sample_count = sum;
  out->histogram.sample_sum = histogram.sum_seconds();
}

// All metrics of one kind, by name and labels.
template <class T>
class Families {
 public:
  explicit Families(MetricType type) : type_(type) {}

  bool Has(std::string_view name) const { return families_.contains(name); }
  // nullptr when it is not there yet.
  T* Find(std::string_view name, const MetricLabels& labels) {
    const auto family = families_.find(name);
    if (family == families_.end()) return nullptr;
    const auto series = family->second.series.find(labels);
    return series == family->second.series.end() ? nullptr : series->second.get();
  }
  T& Add(std::string_view name, std::string_view help, MetricLabels labels) {
    Family& family = families_[std::string(name)];
    if (family.help.empty()) family.help = help;
    return *family.series.emplace(std::move(labels), std::make_unique<T>()).first->second;
  }
  void CollectInto(std::vector<MetricFamily>* out) const {
    for (const auto& [name, family] : families_) {
      MetricFamily collected{.name = name, .help = family.help, .type = type_, .metric = {}};
      for (const auto& [labels, metric] : family.series) {
        ClientMetric& one = collected.metric.emplace_back();
        for (const auto& [label, value] : labels) one.label.push_back({label, value});
        Collect(*metric, &one);
      }
      out->push_back(std::move(collected));
    }
  }

 private:
  struct Family {
    std::string help;
    std::map<MetricLabels, std::unique_ptr<T>> series;
  };
  MetricType type_;
  std::map<std::string, Family, std::less<>> families_;
};

class OwnRegistry final : public Registry {
 public:
  explicit OwnRegistry(std::size_t series_max) : series_max_(series_max) {
    refused_ = &counters_.Add("fustor_metrics_refused_total",
                              "Metrics asked for beyond the limit of series.", {});
  }

  Counter& AddCounter(std::string_view name, std::string_view help, MetricLabels labels) override {
    return Add(&counters_, &spare_counter_, name, help, std::move(labels));
  }
  Gauge& AddGauge(std::string_view name, std::string_view help, MetricLabels labels) override {
    return Add(&gauges_, &spare_gauge_, name, help, std::move(labels));
  }
  Histogram& AddHistogram(std::string_view name, std::string_view help,
                          MetricLabels labels) override {
    return Add(&histograms_, &spare_histogram_, name, help, std::move(labels));
  }
  void OnScrape(std::function<void()> collect) override {
    const std::scoped_lock lock(mutex_);
    on_scrape_.push_back(std::move(collect));
  }

  std::string Scrape() override {
    const std::scoped_lock one_at_a_time(scrape_mutex_);
    std::vector<std::function<void()>> on_scrape;
    {
      const std::scoped_lock lock(mutex_);
      on_scrape = on_scrape_;
    }
    for (const auto& collect : on_scrape) collect();  // Without the lock: it may ask for metrics.
    std::vector<MetricFamily> families;
    {
      const std::scoped_lock lock(mutex_);
      counters_.CollectInto(&families);
      gauges_.CollectInto(&families);
      histograms_.CollectInto(&families);
    }
    std::ranges::sort(families, {}, &MetricFamily::name);
    std::ostringstream text;
    ::prometheus::TextSerializer().Serialize(text, families);
    return std::move(text).str();
  }

 private:
  template <class T>
  T& Add(Families<T>* families, T* spare, std::string_view name, std::string_view help,
         MetricLabels labels) {
    std::ranges::sort(labels);
    const std::scoped_lock lock(mutex_);
    if (T* known = families->Find(name, labels)) return *known;
    FUSTOR_CHECK(IsName(name, true), name);
    for (const auto& [label, value] : labels) {
      FUSTOR_CHECK(IsName(label, false) && !label.starts_with("__"), label);
    }
    const int kinds = counters_.Has(name) + gauges_.Has(name) + histograms_.Has(name);
    FUSTOR_CHECK(kinds == static_cast<int>(families->Has(name)), name);
    if (series_ == series_max_) {
      refused_->Add();
      return *spare;
    }
    ++series_;
    return families->Add(name, help, std::move(labels));
  }

  const std::size_t series_max_;
  std::mutex scrape_mutex_;  // Taken before mutex_.
  std::mutex mutex_;         // Guards everything below; the metrics themselves need none.
  std::size_t series_ = 0;
  Families<Counter> counters_{MetricType::Counter};
  Families<Gauge> gauges_{MetricType::Gauge};
  Families<Histogram> histograms_{MetricType::Histogram};
  Counter* refused_ = nullptr;
  Counter spare_counter_;
  Gauge spare_gauge_;
  Histogram spare_histogram_;
  std::vector<std::function<void()>> on_scrape_;
};

}  // namespace

std::unique_ptr<Registry> NewRegistry(std::size_t series_max) {
  return std::make_unique<OwnRegistry>(series_max);
}

}  // namespace fustor::prometheus
