// registry.h: the metrics of a process, and their text for Prometheus, by prometheus-cpp.
//
// Adding to a metric touches one atomic of ours; prometheus-cpp sees the numbers only when somebody
// scrapes. Thread-safe. Metrics live as long as the registry.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/metrics.h"

namespace fustor::prometheus {

// Content-Type of what Scrape returns.
inline constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

class Registry : public MetricRegistry {
 public:
  // Runs what OnScrape was given and returns all metrics in Prometheus' text format, families by
  // name. One scrape at a time; others wait.
  virtual std::string Scrape() = 0;
};

// At most `series_max` combinations of name and labels: what is asked for beyond that counts into a
// number that nobody sees, and fustor_metrics_refused_total says how often it was asked for.
// REQUIRES of the Add functions: the name matches [a-zA-Z_:][a-zA-Z0-9_:]*, label names
// [a-zA-Z_][a-zA-Z0-9_]* without leading "__"; one name has one kind.
std::unique_ptr<Registry> NewRegistry(std::size_t series_max = 10'000);

}  // namespace fustor::prometheus
