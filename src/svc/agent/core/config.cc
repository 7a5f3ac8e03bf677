#include "svc/agent/core/config.h"

#include <algorithm>
#include <set>
#include <utility>

#include "lib/config/reader.h"
#include "svc/agent/core/projection.h"
#include "svc/agent/core/selection.h"

namespace fustor::agent {
namespace {

using config::Name;
using config::Problems;
using config::Reader;

constexpr std::int64_t kWorkersMax = 1'024;

SourceConfig ReadSource(Reader* reader, Problems* problems) {
  SourceConfig source;
  source.driver = reader->Enum<SourceConfig::Driver>("driver", {{"fs", SourceConfig::Driver::kFs}});
  source.uri = reader->RequireString("uri");
  if (reader->Has("credential")) {
    Reader credential = reader->Child("credential");
    source.credential = credential.RequireString("key");
    credential.Finish();
  }
  Reader params = reader->Child("driver_params");
  source.scan_workers =
      static_cast<int>(params.Int("max_scan_workers", source.scan_workers, 0, kWorkersMax));
  for (Name& glob : params.Names("exclude")) {
    const Status usable = Selection::Check(glob.value);
    if (!usable.ok()) problems->Add(glob.mark, glob.where + ": " + usable.message());
    source.exclude.push_back(std::move(glob.value));
  }
  source.file_pattern = params.String("file_pattern", source.file_pattern);
  source.one_file_system = params.Bool("one_file_system", source.one_file_system);
  source.metadata_ops_per_second_max = params.Double("metadata_ops_per_sec", 0, 0, 1e9);
  source.watches_max = params.Int("max_watches", source.watches_max, 0);
  source.throttle = params.Duration("throttle_interval_sec", source.throttle);
  source.throttle =
      std::min(source.throttle, params.Duration("max_sync_delay_seconds", source.throttle));
  source.monitoring_window_days_min =
      params.Double("min_monitoring_window_days", source.monitoring_window_days_min, 0, 36'500);
  source.delete_fraction_max =
      params.Double("max_delete_fraction", source.delete_fraction_max, 0, 1);
  source.audit_full_every = params.Int("audit_full_every", source.audit_full_every, 1, 1'000'000);
  source.startup_mode = params.String("startup_mode", source.startup_mode);
  params.Finish();
  reader->Finish();
  return source;
}

std::optional<SenderTls> ReadTls(Reader* sender, Problems* problems) {
  if (!sender->Has("tls")) return std::nullopt;
  Reader reader = sender->Child("tls");
  SenderTls tls;
  tls.ca_file = reader.String("ca_file", tls.ca_file);
  tls.certificate_file = reader.String("certificate_file", "");
  tls.private_key_file = reader.String("private_key_file", "");
  tls.server_name = reader.String("server_name", "");
  if (tls.certificate_file.empty() != tls.private_key_file.empty()) {
    problems->Add(reader.mark(),
                  reader.where() + ": 'certificate_file' and 'private_key_file' need each other");
  }
  reader.Finish();
  return tls;
}

SenderConfig ReadSender(Reader* reader, Problems* problems) {
  using Driver = SenderConfig::Driver;
  SenderConfig sender;
  sender.driver = reader->Enum<Driver>("driver", {{"grpc", Driver::kGrpc},
                                                  {"http", Driver::kHttp},
                                                  {"echo", Driver::kEcho},
                                                  {"fusion", Driver::kHttp}});
  const bool echo = sender.driver == Driver::kEcho;
  sender.uri = echo ? reader->String("uri", "") : reader->RequireString("uri");
  if (!echo || reader->Has("credential")) {
    Reader credential = reader->Child("credential");
    sender.key = credential.RequireString("key");
    credential.Finish();
  }
  sender.tls = ReadTls(reader, problems);
  sender.batch_size = reader->Int("batch_size", sender.batch_size, 1, 100'000);
  sender.max_retries = reader->Int("max_retries", sender.max_retries, 0);
  sender.retry_delay = reader->Duration("retry_delay_sec", sender.retry_delay);
  Reader params = reader->Child("driver_params");
  sender.timeout = params.Duration("timeout", sender.timeout);
  params.Finish();
  sender.timeout = reader->Duration("timeout_sec", sender.timeout);
  reader->Finish();
  return sender;
}

// "name" or "name:type".
FieldRule::Source ReadFieldSource(const Name& text, Problems* problems) {
  using Type = FieldRule::Type;
  constexpr std::pair<std::string_view, Type> kTypes[] = {{"string", Type::kString},
                                                          {"integer", Type::kInteger},
                                                          {"number", Type::kNumber},
                                                          {"boolean", Type::kBoolean}};
  const std::size_t colon = text.value.rfind(':');
  FieldRule::Source source{.name = text.value.substr(0, colon)};
  if (colon == std::string::npos) return source;
  const std::string type = text.value.substr(colon + 1);
  std::vector<std::string> names;
  for (const auto& [name, value] : kTypes) {
    if (type == name) source.type = value;
    names.emplace_back(name);
  }
  if (source.type == Type::kAny) {
    problems->Add(text.mark, text.where + ": '" + type +
                                 "' is not one of string, integer, number, boolean" +
                                 config::Suggestion(type, names));
  }
  return source;
}

std::vector<FieldRule> ReadFieldRules(Reader* pipe, Problems* problems) {
  std::vector<FieldRule> rules;
  for (Reader& reader : pipe->Items("fields_mapping")) {
    FieldRule rule;
    rule.to = reader.RequireString("to");
    for (const Name& source : reader.Names("source")) {
      rule.sources.push_back(ReadFieldSource(source, problems));
    }
    if (reader.Has("hardcoded_value")) rule.hardcoded_value = reader.String("hardcoded_value", "");
    rule.required = reader.Bool("required", false);
    if (rule.sources.empty() && !rule.hardcoded_value) {
      problems->Add(reader.mark(), reader.where() + ": 'source' or 'hardcoded_value' is missing");
    }
    reader.Finish();
    if (!rule.to.empty()) {
      const Status usable = Projection::Check(rule);
      if (!usable.ok()) problems->Add(reader.mark(), reader.where() + "." + usable.message());
    }
    rules.push_back(std::move(rule));
  }
  const Status whole = Projection::CheckAll(rules);
  if (!whole.ok()) {
    problems->Add(pipe->mark(), pipe->where() + ".fields_mapping: " + whole.message());
  }
  return rules;
}

template <class T>
std::vector<std::string> KeysOf(const std::map<std::string, T>& map) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : map) keys.push_back(key);
  return keys;
}

PipeConfig ReadPipe(Reader* reader, const AgentConfig& config, Problems* problems) {
  PipeConfig pipe;
  const auto reference = [&](std::string_view key, const std::vector<std::string>& known) {
    const Name name = reader->RequireName(key);
    if (!name.value.empty()) config::CheckReference(name, key, known, problems);
    return name.value;
  };
  pipe.source = reference("source", KeysOf(config.sources));
  pipe.sender = reference("sender", KeysOf(config.senders));
  pipe.disabled = reader->Bool("disabled", pipe.disabled);
  pipe.audit_interval = reader->Duration("audit_interval_sec", pipe.audit_interval);
  pipe.sentinel_interval = reader->Duration("sentinel_interval_sec", pipe.sentinel_interval);
  pipe.session_timeout = reader->Duration("session_timeout_seconds", pipe.session_timeout);
  pipe.error_retry_interval = reader->Duration("error_retry_interval", pipe.error_retry_interval);
  pipe.consecutive_errors_max =
      reader->Int("max_consecutive_errors", pipe.consecutive_errors_max, 1);
  pipe.backoff_multiplier = reader->Double("backoff_multiplier", pipe.backoff_multiplier, 1, 100);
  pipe.backoff_max = reader->Duration("max_backoff_seconds", pipe.backoff_max);
  pipe.fields_mapping = ReadFieldRules(reader, problems);
  reader->Finish();
  return pipe;
}

// A (source, sender) pair has at most one pipe: two would report everything twice.
void CheckPairs(Reader* root, const std::map<std::string, PipeConfig>& pipes, Problems* problems) {
  std::map<std::pair<std::string, std::string>, std::string> pairs;
  for (const auto& [id, reader] : root->Children("pipes")) {
    const auto found = pipes.find(id);
    if (found == pipes.end() || found->second.source.empty()) continue;
    const PipeConfig& pipe = found->second;
    const auto [it, first] = pairs.emplace(std::pair(pipe.source, pipe.sender), id);
    if (first) continue;
    problems->Add(reader.mark(),
                  reader.where() + ": the same source and sender as pipe '" + it->second + "'");
  }
}

}  // namespace

SourceConfig SourceSignature(SourceConfig source) {
  const SourceConfig usual;
  source.monitoring_window_days_min = usual.monitoring_window_days_min;
  source.delete_fraction_max = usual.delete_fraction_max;
  source.startup_mode = usual.startup_mode;
  return source;
}

Result<AgentConfig> ReadAgentConfig(const config::Node& node) {
  Problems problems;
  Reader root(node, "", &problems);
  AgentConfig config;
  const Name id = root.RequireName("agent_id");
  config.agent_id = id.value;
  if (id.value.find(':') != std::string::npos) {
    problems.Add(id.mark, "agent_id: must not contain ':'");
  }
  config.host = root.String("host", config.host);
  if (root.Has("port")) {
    config.port = static_cast<std::uint16_t>(root.Int("port", 0, 0, 65'535));
  }
  config.logging = config::ReadLogging(&root);
  config.remote_config = root.Bool("remote_config", config.remote_config);
  config.upgrade_hook = root.String("upgrade_hook", "");
  if (root.Has("upgrade_hook") && !config.upgrade_hook.starts_with('/')) {
    root.Fail("upgrade_hook", "must be an absolute path");
  }
  config.fs_scan_workers = static_cast<int>(root.Int("fs_scan_workers", 0, 0, kWorkersMax));
  for (auto& [name, reader] : root.Children("sources")) {
    config.sources.emplace(name, ReadSource(&reader, &problems));
  }
  for (auto& [name, reader] : root.Children("senders")) {
    config.senders.emplace(name, ReadSender(&reader, &problems));
  }
  for (auto& [name, reader] : root.Children("pipes")) {
    config.pipes.emplace(name, ReadPipe(&reader, config, &problems));
  }
  CheckPairs(&root, config.pipes, &problems);
  root.Finish();
  FUSTOR_TRY(problems.status());
  return config;
}

}  // namespace fustor::agent
