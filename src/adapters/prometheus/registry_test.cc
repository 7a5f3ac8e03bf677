#include "adapters/prometheus/registry.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace fustor::prometheus {
namespace {

bool Has(const std::string& text, std::string_view line) {
  return ("\n" + text).find("\n" + std::string(line) + "\n") != std::string::npos;
}

TEST(Registry, WritesTheTextThatPrometheusReads) {
  const auto registry = NewRegistry();
  registry->AddCounter("fustor_fusion_rows_total", "Rows applied.", {{"view", "a"}}).Add(3);
  registry->AddCounter("fustor_fusion_rows_total", "Rows applied.", {{"view", "b\"\n\\"}}).Add(1);
  registry->AddGauge("fustor_fusion_sessions", "Sessions alive.").Set(-2);
  Histogram& wait = registry->AddHistogram("fustor_fusion_wait_seconds", "Time in the queue.");
  wait.Observe(10'000);
  wait.Observe(20'000);
  wait.Observe(3'600'000'000'000);
  const std::string text = registry->Scrape();
  for (const char* line :
       {"# HELP fustor_fusion_rows_total Rows applied.", "# TYPE fustor_fusion_rows_total counter",
        "fustor_fusion_rows_total{view=\"a\"} 3",
        "fustor_fusion_rows_total{view=\"b\\\"\\n\\\\\"} 1", "# TYPE fustor_fusion_sessions gauge",
        "fustor_fusion_sessions -2", "# TYPE fustor_fusion_wait_seconds histogram",
        "fustor_fusion_wait_seconds_count 3", "fustor_fusion_wait_seconds_bucket{le=\"6.4e-05\"} 2",
        "fustor_fusion_wait_seconds_bucket{le=\"+Inf\"} 3", "fustor_metrics_refused_total 0"}) {
    EXPECT_TRUE(Has(text, line)) << line << "\nin\n" << text;
  }
  EXPECT_LT(text.find("fustor_fusion_rows"), text.find("fustor_fusion_sessions"));
}

TEST(Registry, TheSameNameAndLabelsAreTheSameMetric) {
  const auto registry = NewRegistry();
  Counter& one = registry->AddCounter("a_total", "h", {{"x", "1"}, {"y", "2"}});
  Counter& two = registry->AddCounter("a_total", "h", {{"y", "2"}, {"x", "1"}});
  Counter& other = registry->AddCounter("a_total", "h", {{"x", "2"}, {"y", "2"}});
  EXPECT_EQ(&one, &two);
  EXPECT_NE(&one, &other);
}

TEST(Registry, RefreshesWhatIsOnlyKnownOnRequest) {
  const auto registry = NewRegistry();
  int scrapes = 0;
  registry->OnScrape([&] {
    // Asking for a metric inside of a scrape must not wait for the scrape.
    registry->AddGauge("scrapes", "Scrapes so far.").Set(++scrapes);
  });
  EXPECT_TRUE(Has(registry->Scrape(), "scrapes 1"));
  EXPECT_TRUE(Has(registry->Scrape(), "scrapes 2"));
}

TEST(Registry, HoldsItsLimitAndSaysSo) {
  const auto registry = NewRegistry(2);
  for (int i = 0; i < 5; ++i) {
    registry->AddCounter("peers_total", "h", {{"peer", std::to_string(i)}}).Add(1);
  }
  const std::string text = registry->Scrape();
  EXPECT_TRUE(Has(text, "peers_total{peer=\"1\"} 1"));
  EXPECT_EQ(text.find("peer=\"2\""), std::string::npos);
  EXPECT_TRUE(Has(text, "fustor_metrics_refused_total 3"));
}

TEST(Registry, ThreadsMayAddWhileOthersScrape) {
  const auto registry = NewRegistry();
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&registry, t] {
      for (int i = 0; i < 2'000; ++i) {
        registry->AddCounter("n_total", "h", {{"i", std::to_string(i % 50)}}).Add();
        if (t == 0 && i % 500 == 0) registry->Scrape();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(Has(registry->Scrape(), "n_total{i=\"49\"} 120"));
}

TEST(RegistryDeathTest, WrongNamesAndKindsStop) {
  const auto registry = NewRegistry();
  EXPECT_DEATH(registry->AddCounter("1a", "h"), "1a");
  EXPECT_DEATH(registry->AddCounter("a b", "h"), "a b");
  EXPECT_DEATH(registry->AddCounter("a", "h", {{"l:", ""}}), "l:");
  registry->AddCounter("a", "h");
  EXPECT_DEATH(registry->AddGauge("a", "h"), "check failed");
}

}  // namespace
}  // namespace fustor::prometheus
