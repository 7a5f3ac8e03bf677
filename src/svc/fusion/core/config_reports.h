// config_reports.h: what agents have told of their configurations, as it may be shown.
//
// Pure; one owner. Only texts without secrets come in here. Bounded: kAgentsMax agents (then the
// one that was heard of longest ago is forgotten), kFilesMax files of each.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "base/time.h"

namespace fustor::fusion {

class ConfigReports {
 public:
  static constexpr std::size_t kAgentsMax = 10'000;
  static constexpr std::size_t kFilesMax = 16;

  struct Report {
    std::string filename;
    std::string yaml;   // Redacted.
    std::string error;  // Of the last change that was asked for.
    WallTime received_at;
  };

  void Take(const std::string& agent_id, Report report) {
    if (!agents_.contains(agent_id) && agents_.size() >= kAgentsMax) DropOldest();
    std::map<std::string, Report>& files = agents_[agent_id];
    if (!files.contains(report.filename) && files.size() >= kFilesMax) files.erase(files.begin());
    files[report.filename] = std::move(report);
  }
  // Empty: none.
  std::vector<Report> Of(const std::string& agent_id) const {
    std::vector<Report> list;
    const auto agent = agents_.find(agent_id);
    if (agent == agents_.end()) return list;
    for (const auto& [name, report] : agent->second) list.push_back(report);
    return list;
  }

 private:
  static WallTime HeardOf(const std::map<std::string, Report>& files) {
    WallTime latest;
    for (const auto& [name, report] : files) latest = std::max(latest, report.received_at);
    return latest;
  }
  void DropOldest() {
    auto oldest = agents_.begin();
    for (auto it = agents_.begin(); it != agents_.end(); ++it) {
      if (HeardOf(it->second) < HeardOf(oldest->second)) oldest = it;
    }
    agents_.erase(oldest);
  }

  std::map<std::string, std::map<std::string, Report>> agents_;
};

}  // namespace fustor::fusion
