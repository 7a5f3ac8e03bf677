// Feeds arbitrary text to what reads the configuration of both services.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "adapters/yaml/parse.h"
#include "base/check.h"
#include "lib/config/redact.h"
#include "svc/agent/core/config.h"
#include "svc/agent/core/selection.h"
#include "svc/agent/core/support.h"
#include "svc/fusion/core/config.h"

namespace fustor::process {
namespace {

using config::Node;

bool Same(const Node& a, const Node& b) {
  if (a.kind != b.kind || a.scalar != b.scalar || a.items.size() != b.items.size() ||
      a.members.size() != b.members.size()) {
    return false;
  }
  for (std::size_t i = 0; i < a.items.size(); ++i) {
    if (!Same(a.items[i], b.items[i])) return false;
  }
  for (std::size_t i = 0; i < a.members.size(); ++i) {
    if (a.members[i].key != b.members[i].key) return false;
    if (!Same(a.members[i].value, b.members[i].value)) return false;
  }
  return true;
}

// Lines of a status without what stands in front of them: marks differ.
std::size_t Lines(const Status& status) {
  return static_cast<std::size_t>(std::ranges::count(status.message(), '\n'));
}

void CheckAgent(const Node& root, const Node& again) {
  const Result<agent::AgentConfig> config = agent::ReadAgentConfig(root);
  const Result<agent::AgentConfig> same = agent::ReadAgentConfig(again);
  FUSTOR_CHECK(config.ok() == same.ok());
  if (!config.ok()) {
    FUSTOR_CHECK(Lines(config.status()) == Lines(same.status()));
    return;
  }
  FUSTOR_CHECK(config->sources == same->sources && config->senders == same->senders &&
               config->pipes == same->pipes && config->agent_id == same->agent_id);
  for (const auto& [id, pipe] : config->pipes) {
    FUSTOR_CHECK(config->sources.contains(pipe.source) && config->senders.contains(pipe.sender));
  }
  for (const auto& [id, source] : config->sources) {
    for (const std::string& pattern : source.exclude) {
      FUSTOR_CHECK(agent::Selection::Check(pattern).ok());
    }
    const agent::Selection selection(source.exclude, source.file_pattern);
    (void)selection.LeavesOut("/d", "name", false);
  }
  (void)agent::CheckSupport(*config);
}

void CheckFusion(const Node& root, const Node& again) {
  const Result<fusion::FusionConfig> config = fusion::ReadFusionConfig(root);
  const Result<fusion::FusionConfig> same = fusion::ReadFusionConfig(again);
  FUSTOR_CHECK(config.ok() == same.ok());
  if (!config.ok()) {
    FUSTOR_CHECK(Lines(config.status()) == Lines(same.status()));
    return;
  }
  FUSTOR_CHECK(config->receivers.size() == same->receivers.size() &&
               config->views.size() == same->views.size() && config->host == same->host);
  for (const auto& [id, pipe] : config->pipes) {
    FUSTOR_CHECK(config->receivers.contains(pipe.receiver));
    for (const std::string& view : pipe.views) FUSTOR_CHECK(config->views.contains(view));
  }
}

// What is written of a tree reads back as the same tree; what is hidden stays hidden.
void CheckText(const Node& root, Node* again) {
  const Result<Node> full = yaml::Parse(config::FullYaml(root), "full");
  FUSTOR_CHECK(full.ok(), full.status().message());
  FUSTOR_CHECK(Same(*full, root));
  *again = *full;
  const std::string redacted = config::RedactedYaml(root);
  const Result<Node> shown = yaml::Parse(redacted, "shown");
  FUSTOR_CHECK(shown.ok(), shown.status().message());
  FUSTOR_CHECK(config::RedactedYaml(*shown) == redacted, "redacting twice is redacting once");
}

void Check(std::string_view text) {
  const Result<Node> root = yaml::Parse(text, "fuzz.yaml");
  if (!root.ok()) {
    FUSTOR_CHECK(root.status().message().starts_with("fuzz.yaml"), root.status().message());
    return;
  }
  Node again;
  CheckText(*root, &again);
  CheckAgent(*root, again);
  CheckFusion(*root, again);
  Node patched = *root;
  config::MergePatch(*root, &patched);
  Node twice = patched;
  config::MergePatch(*root, &twice);
  FUSTOR_CHECK(Same(patched, twice), "a change made twice is made once");
  if (const auto merged = config::Merge({*root, Node()}); merged.ok()) {
    FUSTOR_CHECK(Same(*merged, *root) || root->members.empty());
  }
}

}  // namespace
}  // namespace fustor::process

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fustor::process::Check(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
