#include "svc/fusion/core/config.h"

#include <gtest/gtest.h>

#include "adapters/yaml/parse.h"

namespace fustor::fusion {
namespace {

Result<FusionConfig> Read(std::string_view text) {
  FUSTOR_TRY_ASSIGN(const config::Node root, yaml::Parse(text, "fusion-config/default.yaml"));
  return ReadFusionConfig(root);
}

TEST(FusionConfig, DefaultsOfAMinimalFile) {
  const FusionConfig config = Read(R"(
receivers:
  agents: {driver: grpc, api_keys: [{key: s3cret, pipe_id: main}]}
  old: {driver: http}
views:
  main: {driver: fs}
pipes:
  main: {receiver: agents, views: [main]}
)")
                                  .value();
  EXPECT_EQ(config.host, "127.0.0.1");
  EXPECT_EQ(config.port, 8101);
  EXPECT_FALSE(config.tls);
  const ReceiverConfig& receiver = config.receivers.at("agents");
  EXPECT_EQ(receiver.port, 8103);
  EXPECT_EQ(receiver.bind_host, "0.0.0.0");
  EXPECT_EQ(receiver.api_keys[0].key, "s3cret");
  EXPECT_EQ(receiver.api_keys[0].pipe_id, "main");
  EXPECT_EQ(config.receivers.at("old").port, 8102);
  const ViewConfig& view = config.views.at("main");
  EXPECT_EQ(view.hot_file_threshold, Seconds(60));
  EXPECT_EQ(view.tombstone_ttl, Seconds(3'600));
  EXPECT_EQ(view.tree_items_max, 0u);
  EXPECT_EQ(view.availability, ViewConfig::Availability::kStrict);
  const PipeConfig& pipe = config.pipes.at("main");
  EXPECT_FALSE(pipe.exclusive_sessions);
  EXPECT_EQ(pipe.session_timeout, Seconds(30));
  EXPECT_EQ(pipe.audit_interval, Seconds(43'200));
}

TEST(FusionConfig, EveryKeyIsRead) {
  const FusionConfig config = Read(R"(
host: 0.0.0.0
port: 9101
logging: warn
tls: {certificate_file: c.pem, private_key_file: k.pem}
receivers:
  r:
    driver: http
    bind_host: 127.0.0.1
    port: 9102
    require_key_on_ingest: true
    tls: {certificate_file: rc.pem, private_key_file: rk.pem}
    api_keys: [{key: a, pipe_id: p}, {key: b, pipe_id: q}]
    disabled: true
views:
  v:
    driver: fs
    api_keys: [x, y]
    disabled: true
    driver_params:
      hot_file_threshold: 30
      max_tree_items: 5
      max_response_items: 7
      tombstone_ttl_seconds: 60
      availability: stale_ok
      live_mode: true
      feed:
        max_changes: 21
        max_bytes: 2097152
        max_revision_bytes: 1048576
        max_readers: 3
        linger_seconds: 1m
  w:
    driver: forest-fs
    driver_params:
      consistency: {tombstone_ttl_seconds: 90}
      limits: {max_nodes: 11}
pipes:
  p:
    receiver: r
    views: [v, w]
    session_policy: exclusive
    session_timeout_seconds: 4
    session_timeout_min_seconds: 2
    session_timeout_max_seconds: 8
    audit_interval_sec: 1h
    sentinel_interval_sec: 0
    disabled: true
  q: {receiver: r, views: v, allow_concurrent_push: false}
)")
                                  .value();
  EXPECT_EQ(config.port, 9101);
  EXPECT_EQ(config.logging.level, LogLevel::kWarn);
  EXPECT_EQ(config.tls->certificate_file, "c.pem");
  const ReceiverConfig& receiver = config.receivers.at("r");
  EXPECT_EQ(receiver.driver, ReceiverConfig::Driver::kHttp);
  EXPECT_EQ(receiver.port, 9102);
  EXPECT_TRUE(receiver.require_key_on_ingest);
  EXPECT_TRUE(receiver.disabled);
  EXPECT_EQ(receiver.tls->private_key_file, "rk.pem");
  EXPECT_EQ(receiver.api_keys.size(), 2u);
  const ViewConfig& view = config.views.at("v");
  EXPECT_EQ(view.api_keys, (std::vector<std::string>{"x", "y"}));
  EXPECT_TRUE(view.disabled);
  EXPECT_EQ(view.hot_file_threshold, Seconds(30));
  EXPECT_EQ(view.tree_items_max, 5u);
  EXPECT_EQ(view.response_items_max, 7u);
  EXPECT_EQ(view.tombstone_ttl, Seconds(60));
  EXPECT_EQ(view.availability, ViewConfig::Availability::kStaleOk);
  EXPECT_TRUE(view.live_mode);
  EXPECT_EQ(view.feed, (FeedConfig{.changes_max = 21,
                                   .bytes_max = 2 << 20,
                                   .revision_bytes_max = 1 << 20,
                                   .readers_max = 3,
                                   .linger = Seconds(60)}));
  EXPECT_EQ(config.views.at("w").feed, FeedConfig());
  EXPECT_EQ(config.views.at("w").driver, ViewConfig::Driver::kForestFs);
  EXPECT_EQ(config.views.at("w").tombstone_ttl, Seconds(90));
  EXPECT_EQ(config.views.at("w").tree_items_max, 11u);
  const PipeConfig& pipe = config.pipes.at("p");
  EXPECT_EQ(pipe.views, (std::vector<std::string>{"v", "w"}));
  EXPECT_TRUE(pipe.exclusive_sessions);
  EXPECT_EQ(pipe.session_timeout, Seconds(4));
  EXPECT_EQ(pipe.session_timeout_min, Seconds(2));
  EXPECT_EQ(pipe.session_timeout_max, Seconds(8));
  EXPECT_EQ(pipe.audit_interval, Seconds(3'600));
  EXPECT_EQ(pipe.sentinel_interval, Nanos(0));
  EXPECT_TRUE(config.pipes.at("q").exclusive_sessions);
}

TEST(FusionConfig, EveryProblemIsToldWithItsPlace) {
  const Status status = Read(R"(
host: 0.0.0.0
port: 99999
recievers: {}
tls: {certificate_file: c.pem}
receivers:
  a: {driver: grpc, api_keys: [{key: s3cret, pipe_id: mian}, {key: s3cret, pipe_id: two}]}
  b: {driver: tcp}
views:
  main:
    driver: fs
    api_keys: [s3cret2, s3cret2]
    driver_params:
      hot_file_treshold: 5
      availability: [x]
pipes:
  main: {receiver: a, views: [main, mein, main]}
  two: {receiver: b, views: [main], session_timeout_seconds: 0.5}
  three: {receiver: c, session_policy: shred}
)")
                            .status();
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  const std::string f = "fusion-config/default.yaml:";
  EXPECT_EQ(
      status.message(),
      f + "3:7: port: must be from 0 to 65535\n" + f + "5:6: tls: 'private_key_file' is missing\n" +
          f + "7:68: receivers.a.api_keys[1].key: the same key as at " + f + "7:38\n" + f +
          "8:15: receivers.b.driver: 'tcp' is not one of grpc, http\n" + f +
          "12:25: views.main.api_keys[1]: the same key as at " + f + "12:16\n" + f +
          "15:21: views.main.driver_params.availability: expected text, found a list\n" + f +
          "14:7: unknown key 'hot_file_treshold' in views.main.driver_params; did you mean "
          "'hot_file_threshold'?\n" +
          f +
          "18:62: pipes.two.session_timeout_seconds: must lie between session_timeout_min_seconds "
          "and session_timeout_max_seconds\n" +
          f + "19:10: pipes.three.views: at least one view is needed\n" + f +
          "19:40: pipes.three.session_policy: 'shred' is not one of shared, exclusive; did you "
          "mean 'shared'?\n" +
          f + "17:37: pipes.main.views[1]: no view is called 'mein'; did you mean 'main'?\n" + f +
          "17:43: pipes.main.views[2]: view 'main' is listed twice\n" + f +
          "19:21: pipes.three.receiver: no receiver is called 'c'\n" + f +
          "7:55: receivers.a.api_keys[0].pipe_id: no pipe is called 'mian'; did you mean "
          "'main'?\n" +
          f +
          "7:85: receivers.a.api_keys[1].pipe_id: pipe 'two' listens to receiver 'b', not to this "
          "one\n" +
          f + "4:1: unknown key 'recievers' at the top; did you mean 'receivers'?");
  EXPECT_EQ(status.message().find("s3cret"), std::string::npos);
}

TEST(FusionConfig, NothingConfiguredIsAFusionWithoutViews) {
  EXPECT_TRUE(Read("").value().views.empty());
}

}  // namespace
}  // namespace fustor::fusion
