// config.h: what a Fusion is told to do, as typed values (fusion-config/*.yaml).
//
// Pure. Every key of ours and of files of the first generation is accepted and checked;
// docs/configuration.md has them all. Unknown keys, wrong types and dangling references are errors
// that name file, line and key. API keys never appear in an error.
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

namespace fustor::fusion {

// Files in PEM.
struct TlsConfig {
  std::string certificate_file;
  std::string private_key_file;
};

struct ReceiverConfig {
  enum class Driver { kGrpc, kHttp };
  struct ApiKey {
    std::string key;  // A secret.
    std::string pipe_id;
  };

  Driver driver = Driver::kGrpc;
  bool disabled = false;
  std::string bind_host = "0.0.0.0";
  std::uint16_t port = 0;  // Default: 8102 of kHttp, 8103 of kGrpc.
  std::vector<ApiKey> api_keys;
  bool require_key_on_ingest = false;
  std::optional<TlsConfig> tls;
};

// How much of what has changed in a view is kept for those who follow it.
struct FeedConfig {
  std::uint64_t changes_max = 1 << 18;          // max_changes
  std::uint64_t bytes_max = 64 << 20;           // max_bytes
  std::uint64_t revision_bytes_max = 16 << 20;  // max_revision_bytes
  std::uint64_t readers_max = 128;              // max_readers
  Nanos linger = Seconds(300);                  // linger_seconds

  friend bool operator==(const FeedConfig&, const FeedConfig&) = default;
};

struct ViewConfig {
  enum class Driver { kFs, kForestFs };
  enum class Availability { kStrict, kStaleOk };

  Driver driver = Driver::kFs;
  bool disabled = false;
  std::vector<std::string> api_keys;  // Secrets; each opens this view only.

  // driver_params:
  Nanos hot_file_threshold = Seconds(60);
  Nanos tombstone_ttl = Seconds(3'600);  // tombstone_ttl_seconds, also under `consistency`.
  std::uint64_t tree_items_max = 0;      // max_tree_items, or limits.max_nodes; 0: no limit.
  double delete_fraction_max = 0.5;      // max_delete_fraction; what agents say wins.
  std::uint64_t response_items_max = 1'000'000;  // max_response_items
  Availability availability = Availability::kStrict;
  bool live_mode = false;
  bool consistency_alarm = false;  // A sweep that finds something changed makes the view not ready.
  FeedConfig feed;
  Nanos checkpoint_interval = Seconds(300);  // checkpoint_interval_sec; 0: none, at no time.
  std::uint64_t checkpoints_kept = 1;
  // What the view shows, where that is known beforehand: checkpoints of anything else are not
  // loaded. Not from a file.
  std::string source;
};

struct PipeConfig {
  std::string receiver;
  std::vector<std::string> views;
  bool disabled = false;
  bool exclusive_sessions = false;  // session_policy; of the original: not allow_concurrent_push.
  Nanos session_timeout = Seconds(30);        // session_timeout_seconds
  Nanos session_timeout_min = Seconds(1);     // session_timeout_min_seconds
  Nanos session_timeout_max = Seconds(3600);  // session_timeout_max_seconds
  Nanos audit_interval = Seconds(43'200);     // 0: no audits.
  Nanos sentinel_interval = Seconds(120);     // 0: no sweeps.
};

struct FusionConfig {
  std::string host = "127.0.0.1";  // Of the management port.
  std::uint16_t port = 8101;
  std::optional<TlsConfig> tls;
  config::LoggingConfig logging;
  // management.api_keys: secrets; each opens everything. None: the management API is off.
  std::vector<std::string> management_keys;
  std::string checkpoint_dir;  // "": HOME/checkpoints.
  std::map<std::string, ReceiverConfig> receivers;
  std::map<std::string, ViewConfig> views;
  std::map<std::string, PipeConfig> pipes;
};

// Errors: kInvalidArgument, one line per problem.
Result<FusionConfig> ReadFusionConfig(const config::Node& root);

}  // namespace fustor::fusion
