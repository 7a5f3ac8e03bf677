#include "svc/agent/core/config.h"

#include <gtest/gtest.h>

#include "adapters/yaml/parse.h"

namespace fustor::agent {
namespace {

Result<AgentConfig> Read(std::string_view text) {
  FUSTOR_TRY_ASSIGN(const config::Node root, yaml::Parse(text, "agent-config/default.yaml"));
  return ReadAgentConfig(root);
}

constexpr std::string_view kMinimal =
    "agent_id: host-1\n"
    "sources:\n"
    "  home: {driver: fs, uri: /home}\n"
    "senders:\n"
    "  hub: {driver: grpc, uri: '127.0.0.1:8103', credential: {key: s3cret}}\n"
    "pipes:\n"
    "  p: {source: home, sender: hub}\n";

TEST(AgentConfig, DefaultsOfAMinimalFile) {
  const AgentConfig config = Read(kMinimal).value();
  EXPECT_EQ(config.agent_id, "host-1");
  EXPECT_EQ(config.host, "127.0.0.1");
  EXPECT_FALSE(config.port.has_value());
  EXPECT_EQ(config.logging.level, LogLevel::kInfo);
  const SourceConfig& source = config.sources.at("home");
  EXPECT_EQ(source.uri, "/home");
  EXPECT_EQ(source.scan_workers, 0);
  EXPECT_TRUE(source.one_file_system);
  EXPECT_EQ(source.throttle, Seconds(1));
  const SenderConfig& sender = config.senders.at("hub");
  EXPECT_EQ(sender.driver, SenderConfig::Driver::kGrpc);
  EXPECT_EQ(sender.key, "s3cret");
  EXPECT_EQ(sender.batch_size, 1'000);
  const PipeConfig& pipe = config.pipes.at("p");
  EXPECT_EQ(pipe.source, "home");
  EXPECT_EQ(pipe.sender, "hub");
  EXPECT_EQ(pipe.audit_interval, Seconds(43'200));
  EXPECT_EQ(pipe.sentinel_interval, Seconds(120));
  EXPECT_FALSE(pipe.disabled);
}

TEST(AgentConfig, EveryKeyIsRead) {
  const AgentConfig config = Read(R"(
agent_id: host-1
host: 0.0.0.0
port: 9104
logging: {level: DEBUG, format: json, file: /var/log/agent.log}
fs_scan_workers: 8
sources:
  home:
    driver: fs
    uri: /home
    credential: {key: c}
    driver_params:
      max_scan_workers: 4
      exclude: ['*.tmp', /proc]
      file_pattern: '*.txt'
      one_file_system: false
      metadata_ops_per_sec: 1000
      max_watches: 65536
      throttle_interval_sec: 2
      max_sync_delay_seconds: 0.5
      min_monitoring_window_days: 7
      max_delete_fraction: 0.1
      startup_mode: full
senders:
  old:
    driver: fusion
    uri: http://127.0.0.1:8102
    credential: {key: k}
    batch_size: 100
    max_retries: 3
    retry_delay_sec: 1
    driver_params: {timeout: 9}
  new: {driver: http, uri: 'http://h:1', credential: {key: k2}, timeout_sec: 5}
  far:
    driver: grpc
    uri: fusion.example:8103
    credential: {key: k3}
    tls: {ca_file: /ca.pem, certificate_file: /c.pem, private_key_file: /k.pem, server_name: fusion}
  nowhere: {driver: echo}
pipes:
  p:
    source: home
    sender: old
    audit_interval_sec: 0
    sentinel_interval_sec: 5m
    session_timeout_seconds: 10
    error_retry_interval: 1
    max_consecutive_errors: 7
    backoff_multiplier: 1.5
    max_backoff_seconds: 30
    disabled: true
    fields_mapping:
      - {to: path, source: ['path:string'], required: true}
      - {to: uid, hardcoded_value: 7}
)")
                                 .value();
  EXPECT_EQ(config.logging.level, LogLevel::kDebug);
  EXPECT_EQ(config.logging.format, config::LoggingConfig::Format::kJson);
  EXPECT_EQ(config.logging.file, "/var/log/agent.log");
  EXPECT_EQ(config.fs_scan_workers, 8);
  const SourceConfig& source = config.sources.at("home");
  EXPECT_EQ(source.credential, "c");
  EXPECT_EQ(source.scan_workers, 4);
  EXPECT_EQ(source.exclude, (std::vector<std::string>{"*.tmp", "/proc"}));
  EXPECT_EQ(source.file_pattern, "*.txt");
  EXPECT_FALSE(source.one_file_system);
  EXPECT_EQ(source.metadata_ops_per_second_max, 1000);
  EXPECT_EQ(source.watches_max, 65'536);
  EXPECT_EQ(source.throttle, Millis(500));
  EXPECT_EQ(source.monitoring_window_days_min, 7);
  EXPECT_EQ(source.delete_fraction_max, 0.1);
  EXPECT_EQ(source.startup_mode, "full");
  EXPECT_EQ(config.senders.at("old").driver, SenderConfig::Driver::kHttp);
  EXPECT_EQ(config.senders.at("old").timeout, Seconds(9));
  EXPECT_EQ(config.senders.at("old").max_retries, 3);
  EXPECT_EQ(config.senders.at("old").retry_delay, Seconds(1));
  EXPECT_EQ(config.senders.at("new").timeout, Seconds(5));
  EXPECT_FALSE(config.senders.at("new").tls.has_value());
  EXPECT_EQ(config.senders.at("far").tls, (SenderTls{"/ca.pem", "/c.pem", "/k.pem", "fusion"}));
  EXPECT_EQ(config.senders.at("nowhere").driver, SenderConfig::Driver::kEcho);
  const PipeConfig& pipe = config.pipes.at("p");
  EXPECT_EQ(pipe.audit_interval, Nanos(0));
  EXPECT_EQ(pipe.sentinel_interval, Seconds(300));
  EXPECT_EQ(pipe.session_timeout, Seconds(10));
  EXPECT_EQ(pipe.error_retry_interval, Seconds(1));
  EXPECT_EQ(pipe.consecutive_errors_max, 7);
  EXPECT_EQ(pipe.backoff_multiplier, 1.5);
  EXPECT_EQ(pipe.backoff_max, Seconds(30));
  EXPECT_TRUE(pipe.disabled);
  ASSERT_EQ(pipe.fields_mapping.size(), 2u);
  EXPECT_EQ(pipe.fields_mapping[0].sources[0].name, "path");
  EXPECT_EQ(pipe.fields_mapping[0].sources[0].type, FieldRule::Type::kString);
  EXPECT_TRUE(pipe.fields_mapping[0].required);
  EXPECT_EQ(pipe.fields_mapping[1].hardcoded_value, "7");
}

TEST(AgentConfig, EveryProblemIsToldWithItsPlace) {
  const Status status = Read(R"(
agent_id: host:1
sources:
  home: {driver: nfs, uri: /home}
  data: {driver: fs}
senders:
  hub:
    driver: grpc
    uri: 127.0.0.1:8103
    credential: {kye: s3cret}
    batch_sise: 5
  two: {driver: http, uri: x, credential: s3cret}
pipes:
  a: {source: hme, sender: hub}
  b: {source: home, sender: [hub]}
  c: {source: data, sender: hub, fields_mapping: [{to: sise, source: 'size:int'}, {to: mode}]}
  d: {source: data, sender: hub}
)")
                            .status();
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  const std::string f = "agent-config/default.yaml:";
  EXPECT_EQ(
      status.message(),
      f + "2:11: agent_id: must not contain ':'\n" + f +
          "4:18: sources.home.driver: 'nfs' is not one of fs; did you mean 'fs'?\n" + f +
          "5:9: sources.data: 'uri' is missing\n" + f +
          "10:17: senders.hub.credential: 'key' is missing\n" + f +
          "10:18: unknown key 'kye' in senders.hub.credential; did you mean 'key'?\n" + f +
          "11:5: unknown key 'batch_sise' in senders.hub; did you mean 'batch_size'?\n" + f +
          "12:43: senders.two.credential: expected a map, found text\n" + f +
          "12:43: senders.two.credential: 'key' is missing\n" + f +
          "14:15: pipes.a.source: no source is called 'hme'; did you mean 'home'?\n" + f +
          "15:29: pipes.b.sender: expected text, found a list\n" + f +
          "16:70: pipes.c.fields_mapping[0].source: 'int' is not one of string, integer, "
          "number, boolean\n" +
          f +
          "16:51: pipes.c.fields_mapping[0].to: 'sise' is no field of a row; did you mean "
          "'size'?\n" +
          f + "16:83: pipes.c.fields_mapping[1]: 'source' or 'hardcoded_value' is missing\n" + f +
          "16:6: pipes.c.fields_mapping: a rule for 'path' is missing: without it no row says "
          "what it is about\n" +
          f + "17:6: pipes.d: the same source and sender as pipe 'c'");
  EXPECT_EQ(status.message().find("s3cret"), std::string::npos);
}

TEST(AgentConfig, AnEmptyFileSaysWhatIsNeeded) {
  EXPECT_EQ(Read("").status().message(), "agent-config/default.yaml: 'agent_id' is missing");
}

}  // namespace
}  // namespace fustor::agent
