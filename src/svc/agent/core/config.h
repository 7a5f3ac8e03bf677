// config.h: what an agent is told to do, as typed values (agent-config/*.yaml).
//
// Pure. Every key of our agents and of those of the first generation is accepted and checked;
// docs/configuration.md has them all. Unknown keys, wrong types and dangling references are errors
// that name file, line and key. Keys of senders never appear in an error.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "lib/config/logging.h"
#include "lib/config/node.h"

namespace fustor::agent {

struct SourceConfig {
  enum class Driver { kFs };

  Driver driver = Driver::kFs;
  std::string uri;                        // Of kFs: the root directory.
  std::optional<std::string> credential;  // Part of the source's signature; kFs needs none.

  // driver_params:
  int scan_workers = 0;              // max_scan_workers; 0: fs_scan_workers of the agent.
  std::vector<std::string> exclude;  // Globs on names and view paths.
  std::string file_pattern = "*";    // Files that do not match are left out.
  bool one_file_system = true;
  double metadata_ops_per_second_max = 0;  // metadata_ops_per_sec; 0: no limit.
  std::int64_t watches_max = 0;            // max_watches; 0: what the kernel allows.
  // throttle_interval_sec, or max_sync_delay_seconds where that is given and less.
  Nanos throttle = Seconds(1);
  double monitoring_window_days_min = 30;  // min_monitoring_window_days
  double delete_fraction_max = 0.5;        // max_delete_fraction: an audit that would delete more
                                           // of the tree stops with an alarm.
  std::int64_t audit_full_every = 8;       // Each directory's files are looked at in one of so many
                                           // audits in a row.
  std::string startup_mode;                // The original's; free text.

  friend bool operator==(const SourceConfig&, const SourceConfig&) = default;
};

// What is read, and how: sources that are equal in this are one, whatever their names. Leaves out
// what only concerns sessions, and what has no effect.
SourceConfig SourceSignature(SourceConfig source);

// Files in PEM.
struct SenderTls {
  std::string ca_file = "/etc/ssl/certs/ca-certificates.crt";  // Whom to trust.
  std::string certificate_file;  // With private_key_file: shown to a Fusion that asks who calls.
  std::string private_key_file;
  std::string server_name;  // Expected in Fusion's certificate; empty: the host of the uri.

  friend bool operator==(const SenderTls&, const SenderTls&) = default;
};

struct SenderConfig {
  enum class Driver { kGrpc, kHttp, kEcho };

  Driver driver = Driver::kGrpc;
  std::string uri;               // "127.0.0.1:8103" of kGrpc, "http://127.0.0.1:8102" of kHttp.
  std::string key;               // credential.key; a secret.
  std::optional<SenderTls> tls;  // Absent: plain text.
  std::int64_t batch_size = 1'000;
  std::int64_t max_retries = 10;
  Nanos retry_delay = Seconds(5);
  Nanos timeout = Seconds(30);

  friend bool operator==(const SenderConfig&, const SenderConfig&) = default;
};

// One rule of fields_mapping.
struct FieldRule {
  enum class Type { kAny, kString, kInteger, kNumber, kBoolean };
  struct Source {
    std::string name;
    Type type = Type::kAny;

    friend bool operator==(const Source&, const Source&) = default;
  };
  std::string to;
  std::vector<Source> sources;
  std::optional<std::string> hardcoded_value;
  bool required = false;

  friend bool operator==(const FieldRule&, const FieldRule&) = default;
};

struct PipeConfig {
  std::string source;
  std::string sender;
  bool disabled = false;
  Nanos audit_interval = Seconds(43'200);  // 0: no audits. Fusion's intervals win.
  Nanos sentinel_interval = Seconds(120);  // 0: no sweeps.
  Nanos session_timeout{0};                // 0: Fusion's default.
  Nanos error_retry_interval = Seconds(5);
  std::int64_t consecutive_errors_max = 5;  // max_consecutive_errors
  double backoff_multiplier = 2;
  Nanos backoff_max = Seconds(60);  // max_backoff_seconds
  std::vector<FieldRule> fields_mapping;

  friend bool operator==(const PipeConfig&, const PipeConfig&) = default;
};

inline constexpr std::uint16_t kDefaultPort = 8104;

struct AgentConfig {
  std::string agent_id;
  // Where /health, /ready and /metrics are answered. No port: at kDefaultPort, if it is free.
  std::string host = "127.0.0.1";
  std::optional<std::uint16_t> port;  // 0: any that is free.
  config::LoggingConfig logging;
  // Whether Fusion may change the configuration (update_config) and stop pipes.
  bool remote_config = true;
  // A program that Fusion may have run, with a version as its argument; empty: none. Cannot be
  // changed from afar.
  std::string upgrade_hook;
  int fs_scan_workers = 0;  // 0: one per processor, at least 4.
  std::map<std::string, SourceConfig> sources;
  std::map<std::string, SenderConfig> senders;
  std::map<std::string, PipeConfig> pipes;
};

// Errors: kInvalidArgument, one line per problem.
Result<AgentConfig> ReadAgentConfig(const config::Node& root);

}  // namespace fustor::agent
