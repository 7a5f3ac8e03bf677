#include "apps/fustor/config_check.h"

#include <algorithm>

#include "apps/process/configuration.h"
#include "base/path.h"
#include "lib/cli/command.h"
#include "svc/agent/core/config.h"
#include "svc/agent/core/support.h"
#include "svc/fusion/core/config.h"

namespace fustor {
namespace {

constexpr const char* kAgent = "agent";
constexpr const char* kFusion = "fusion";

// By the keys that only one of them has, else by the name; empty when neither tells.
std::string KindOf(const config::Node& root, std::string_view path) {
  const auto has = [&root](std::initializer_list<std::string_view> keys) {
    return std::any_of(keys.begin(), keys.end(),
                       [&root](std::string_view key) { return root.Find(key) != nullptr; });
  };
  const bool agent = has({"agent_id", "sources", "senders", "fs_scan_workers"});
  const bool fusion = has({"receivers", "views"});
  if (agent != fusion) return agent ? kAgent : kFusion;
  const bool named_agent = path.find("agent") != std::string_view::npos;
  const bool named_fusion = path.find("fusion") != std::string_view::npos;
  return agent || named_agent == named_fusion ? "" : named_agent ? kAgent : kFusion;
}

// "fusion-config/main.yaml": what is further up may be called anything.
std::string_view LastNames(std::string_view path) {
  const std::size_t name = path.rfind('/');
  if (name == std::string_view::npos || name == 0) return path;
  const std::size_t folder = path.rfind('/', name - 1);
  return folder == std::string_view::npos ? path : path.substr(folder + 1);
}

struct Finding {
  std::string kind;
  Status status;
  std::vector<std::string> warnings;
};

Finding Check(const std::string& path, const std::string& wanted) {
  Finding finding;
  const Result<config::Node> root = process::LoadConfiguration(path, "");
  if (!root.ok()) {
    finding.status = root.status();
    if (root.status().code() == Code::kNotFound) {
      finding.status = Status(Code::kNotFound, PrintablePath(path) + ": no such file or folder");
    }
    return finding;
  }
  finding.kind = wanted.empty() ? KindOf(*root, LastNames(path)) : wanted;
  if (finding.kind == kAgent) {
    const Result<agent::AgentConfig> config = agent::ReadAgentConfig(*root);
    finding.status = config.ok() ? Status() : config.status();
    if (!config.ok()) return finding;
    agent::Support support = agent::CheckSupport(*config);
    finding.status = support.status;
    finding.warnings = std::move(support.warnings);
  } else if (finding.kind == kFusion) {
    const Result<fusion::FusionConfig> config = fusion::ReadFusionConfig(*root);
    finding.status = config.ok() ? Status() : config.status();
  } else {
    finding.status = Status(Code::kInvalidArgument,
                            PrintablePath(path) +
                                ": it cannot be told from its keys whether this is for an "
                                "agent or for Fusion; --as says it");
  }
  return finding;
}

// Each line of a text after a prefix.
std::string Lines(std::string_view prefix, std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    out += std::string(prefix) + client::HarmlessText(text.substr(0, end)) + "\n";
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

}  // namespace

int CheckConfig(const client::ConfigOptions& options, client::Terminal& terminal) {
  int code = cli::kExitOk;
  for (const std::string& path : options.paths) {
    const Finding finding = Check(path, options.kind);
    for (const std::string& warning : finding.warnings) {
      terminal.WriteError(Lines("fustor: ", warning));
    }
    if (finding.status.ok()) {
      (void)terminal.Write(PrintablePath(path) + ": right, for " +
                           (finding.kind == kAgent ? "fustor-agent" : "fustor-fusion") + "\n");
    } else {
      terminal.WriteError(Lines("fustor: ", finding.status.message()));
      code = cli::kExitFailed;
    }
  }
  return code;
}

}  // namespace fustor
