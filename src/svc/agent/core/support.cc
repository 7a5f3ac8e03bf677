#include "svc/agent/core/support.h"

#include <set>
#include <string_view>

namespace fustor::agent {
namespace {

class Findings {
 public:
  void Refuse(const std::string& key, std::string_view why) {
    errors_ += (errors_.empty() ? "" : "\n") + key + std::string(why);
  }
  // `changed`: the value is not the default, so somebody counts on it.
  void NotYet(bool changed, const std::string& key) {
    if (changed) Refuse(key, " is not supported yet");
  }
  void NoEffect(bool changed, const std::string& key) {
    if (changed) support_.warnings.push_back(key + " has no effect yet");
  }
  Support Take() {
    if (!errors_.empty()) support_.status = Status(Code::kUnimplemented, std::move(errors_));
    return std::move(support_);
  }

 private:
  std::string errors_;
  Support support_;
};

void CheckSource(const std::string& id, const SourceConfig& source, Findings* findings) {
  static const SourceConfig kDefault;
  const std::string key = "sources." + id + ".driver_params.";
  if (source.uri.empty() || source.uri.front() != '/') {
    findings->Refuse("sources." + id + ".uri", ": expected an absolute path of a directory");
  }
  findings->NoEffect(source.monitoring_window_days_min != kDefault.monitoring_window_days_min,
                     key + "min_monitoring_window_days");
  findings->NoEffect(!source.startup_mode.empty(), key + "startup_mode");
}

// "HOST:PORT" or "[IPV6]:PORT".
bool IsAddress(std::string_view uri) {
  const std::size_t colon = uri.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || uri.find('/') != std::string_view::npos) {
    return false;
  }
  const std::string_view host = uri.substr(0, colon);
  const std::string_view port = uri.substr(colon + 1);
  if (host.find(':') != std::string_view::npos && (host.front() != '[' || host.back() != ']')) {
    return false;
  }
  return !port.empty() && port.size() <= 5 &&
         port.find_first_not_of("0123456789") == std::string_view::npos;
}

void CheckHttpSender(const std::string& key, const SenderConfig& sender, Findings* findings) {
  const bool encrypted = sender.uri.starts_with("https://");
  if (!encrypted && !sender.uri.starts_with("http://")) {
    findings->Refuse(key + "uri", ": expected http://HOST:PORT or https://HOST:PORT");
  } else if (sender.tls && !encrypted) {
    findings->Refuse(key + "tls", ": the uri must begin with https://");
  }
}

void CheckSender(const std::string& id, const SenderConfig& sender, Findings* findings) {
  static const SenderConfig kDefault;
  const std::string key = "senders." + id + ".";
  if (sender.driver == SenderConfig::Driver::kHttp) {
    CheckHttpSender(key, sender, findings);
  } else if (sender.driver == SenderConfig::Driver::kEcho) {
    if (!sender.uri.empty() && !sender.uri.starts_with("file:///")) {
      findings->Refuse(key + "uri", ": expected file:///PATH, or nothing for the standard output");
    }
  } else if (!IsAddress(sender.uri)) {
    findings->Refuse(key + "uri", ": expected HOST:PORT of a gRPC receiver");
  }
  // Pipes retry for ever, by their own back-off.
  findings->NoEffect(sender.max_retries != kDefault.max_retries, key + "max_retries");
  findings->NoEffect(sender.retry_delay != kDefault.retry_delay, key + "retry_delay_sec");
}

void CheckPipe(const std::string& id, const PipeConfig& pipe, Findings* findings) {
  static const PipeConfig kDefault;
  const std::string key = "pipes." + id + ".";
  findings->NoEffect(pipe.audit_interval != kDefault.audit_interval, key + "audit_interval_sec");
  findings->NoEffect(pipe.sentinel_interval != kDefault.sentinel_interval,
                     key + "sentinel_interval_sec");
}

}  // namespace

Support CheckSupport(const AgentConfig& config) {
  Findings findings;
  std::set<std::string> sources;
  std::set<std::string> senders;
  for (const auto& [id, pipe] : config.pipes) {
    if (pipe.disabled) continue;
    CheckPipe(id, pipe, &findings);
    sources.insert(pipe.source);
    senders.insert(pipe.sender);
  }
  for (const std::string& id : sources) CheckSource(id, config.sources.at(id), &findings);
  for (const std::string& id : senders) CheckSender(id, config.senders.at(id), &findings);
  Support support = findings.Take();
  if (sources.empty()) support.warnings.emplace_back("no pipe is enabled: there is nothing to do");
  return support;
}

}  // namespace fustor::agent
