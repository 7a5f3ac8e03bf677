#include "svc/fusion/core/config.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "lib/config/reader.h"

namespace fustor::fusion {
namespace {

using config::Mark;
using config::Name;
using config::Problems;
using config::Reader;

// Names that must be looked up when everything has been read.
struct PipeReferences {
  Name receiver;
  std::vector<Name> views;
};
struct References {
  std::map<std::string, PipeReferences> pipes;
  std::vector<std::pair<std::string, Name>> api_keys;  // Receiver and the pipe that a key opens.
};

std::uint16_t ReadPort(Reader* reader, std::uint16_t missing) {
  return static_cast<std::uint16_t>(
      reader->Int("port", missing, 0, std::numeric_limits<std::uint16_t>::max()));
}

std::optional<TlsConfig> ReadTls(Reader* parent) {
  if (!parent->Has("tls")) return std::nullopt;
  Reader reader = parent->Child("tls");
  TlsConfig tls;
  tls.certificate_file = reader.RequireString("certificate_file");
  tls.private_key_file = reader.RequireString("private_key_file");
  reader.Finish();
  return tls;
}

// Two equal keys would make it a matter of luck what a key opens. Remembers keys by place.
class KeyRegister {
 public:
  explicit KeyRegister(Problems* problems) : problems_(problems) {}
  void Add(const Name& key) {
    if (key.value.empty()) return;
    const auto [it, first] = places_.emplace(key.value, key.mark);
    if (first) return;
    problems_->Add(key.mark, key.where + ": the same key as at " + it->second.ToString());
  }

 private:
  Problems* problems_;
  std::map<std::string, Mark> places_;
};

ReceiverConfig ReadReceiver(const std::string& id, Reader* reader, References* references,
                            Problems* problems) {
  using Driver = ReceiverConfig::Driver;
  ReceiverConfig receiver;
  receiver.driver =
      reader->Enum<Driver>("driver", {{"grpc", Driver::kGrpc}, {"http", Driver::kHttp}});
  receiver.disabled = reader->Bool("disabled", receiver.disabled);
  receiver.bind_host = reader->String("bind_host", receiver.bind_host);
  receiver.port = ReadPort(reader, receiver.driver == Driver::kHttp ? 8102 : 8103);
  receiver.require_key_on_ingest =
      reader->Bool("require_key_on_ingest", receiver.require_key_on_ingest);
  receiver.tls = ReadTls(reader);
  KeyRegister keys(problems);
  for (Reader& item : reader->Items("api_keys")) {
    const Name key = item.RequireName("key");
    const Name pipe = item.RequireName("pipe_id");
    item.Finish();
    keys.Add(key);
    if (!pipe.value.empty()) references->api_keys.emplace_back(id, pipe);
    receiver.api_keys.push_back({key.value, pipe.value});
  }
  reader->Finish();
  return receiver;
}

FeedConfig ReadFeed(Reader* parent) {
  constexpr std::int64_t kMiB = 1 << 20;
  const auto number = [](std::int64_t value) { return static_cast<std::uint64_t>(value); };
  Reader reader = parent->Child("feed");
  FeedConfig feed;
  feed.changes_max = number(reader.Int("max_changes", 1 << 18, 1, 100'000'000));
  feed.bytes_max = number(reader.Int("max_bytes", 64 * kMiB, kMiB, 65'536 * kMiB));
  feed.revision_bytes_max = number(reader.Int("max_revision_bytes", 16 * kMiB, kMiB, 1'024 * kMiB));
  feed.readers_max = number(reader.Int("max_readers", 128, 0, 10'000));
  feed.linger = reader.Duration("linger_seconds", feed.linger);
  reader.Finish();
  return feed;
}

void ReadViewParams(Reader* reader, ViewConfig* view) {
  using Availability = ViewConfig::Availability;
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  Reader consistency = reader->Child("consistency");
  view->tombstone_ttl = consistency.Duration("tombstone_ttl_seconds", view->tombstone_ttl);
  consistency.Finish();
  Reader limits = reader->Child("limits");
  const std::int64_t max_nodes = limits.Int("max_nodes", 0, 0, kMax);
  limits.Finish();

  view->hot_file_threshold = reader->Duration("hot_file_threshold", view->hot_file_threshold);
  view->tombstone_ttl = reader->Duration("tombstone_ttl_seconds", view->tombstone_ttl);
  view->tree_items_max =
      static_cast<std::uint64_t>(reader->Int("max_tree_items", max_nodes, 0, kMax));
  view->delete_fraction_max =
      reader->Double("max_delete_fraction", view->delete_fraction_max, 0, 1);
  view->response_items_max = static_cast<std::uint64_t>(reader->Int(
      "max_response_items", static_cast<std::int64_t>(view->response_items_max), 1, kMax));
  view->availability = reader->Enum<Availability>(
      "availability", {{"strict", Availability::kStrict}, {"stale_ok", Availability::kStaleOk}},
      view->availability);
  view->consistency_alarm = reader->Bool("consistency_alarm", view->consistency_alarm);
  view->live_mode = reader->Bool("live_mode", view->live_mode);
  view->feed = ReadFeed(reader);
  view->checkpoint_interval =
      reader->Duration("checkpoint_interval_sec", view->checkpoint_interval);
  view->checkpoints_kept = static_cast<std::uint64_t>(reader->Int("checkpoints_kept", 1, 1, 100));
  reader->Finish();
}

ViewConfig ReadView(Reader* reader, KeyRegister* keys) {
  using Driver = ViewConfig::Driver;
  ViewConfig view;
  view.driver =
      reader->Enum<Driver>("driver", {{"fs", Driver::kFs}, {"forest-fs", Driver::kForestFs}});
  view.disabled = reader->Bool("disabled", view.disabled);
  for (Name& key : reader->Names("api_keys")) {
    keys->Add(key);
    view.api_keys.push_back(std::move(key.value));
  }
  Reader params = reader->Child("driver_params");
  ReadViewParams(&params, &view);
  reader->Finish();
  return view;
}

void ReadSessionTimeouts(Reader* reader, PipeConfig* pipe) {
  pipe->session_timeout = reader->Duration("session_timeout_seconds", pipe->session_timeout);
  pipe->session_timeout_min =
      reader->Duration("session_timeout_min_seconds", pipe->session_timeout_min);
  pipe->session_timeout_max =
      reader->Duration("session_timeout_max_seconds", pipe->session_timeout_max);
  if (pipe->session_timeout_min <= Nanos(0)) {
    reader->Fail("session_timeout_min_seconds", "must be more than 0");
  } else if (pipe->session_timeout < pipe->session_timeout_min ||
             pipe->session_timeout > pipe->session_timeout_max) {
    reader->Fail("session_timeout_seconds",
                 "must lie between session_timeout_min_seconds and session_timeout_max_seconds");
  }
}

PipeConfig ReadPipe(const std::string& id, Reader* reader, References* references) {
  PipeConfig pipe;
  PipeReferences& names = references->pipes[id];
  names.receiver = reader->RequireName("receiver");
  names.views = reader->Names("views");
  if (!reader->Has("views")) reader->Fail("views", "at least one view is needed");
  pipe.receiver = names.receiver.value;
  for (const Name& view : names.views) pipe.views.push_back(view.value);
  pipe.disabled = reader->Bool("disabled", pipe.disabled);
  pipe.exclusive_sessions = !reader->Bool("allow_concurrent_push", true);
  pipe.exclusive_sessions = reader->Enum<bool>(
      "session_policy", {{"shared", false}, {"exclusive", true}}, pipe.exclusive_sessions);
  ReadSessionTimeouts(reader, &pipe);
  pipe.audit_interval = reader->Duration("audit_interval_sec", pipe.audit_interval);
  pipe.sentinel_interval = reader->Duration("sentinel_interval_sec", pipe.sentinel_interval);
  reader->Finish();
  return pipe;
}

template <class T>
std::vector<std::string> KeysOf(const std::map<std::string, T>& map) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : map) keys.push_back(key);
  return keys;
}

void CheckPipeReferences(const FusionConfig& config, const PipeReferences& pipe,
                         Problems* problems) {
  if (!pipe.receiver.value.empty()) {
    config::CheckReference(pipe.receiver, "receiver", KeysOf(config.receivers), problems);
  }
  for (std::size_t i = 0; i < pipe.views.size(); ++i) {
    const Name& view = pipe.views[i];
    config::CheckReference(view, "view", KeysOf(config.views), problems);
    const auto same = [&](const Name& other) { return other.value == view.value; };
    const auto end = pipe.views.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::any_of(pipe.views.begin(), end, same)) {
      problems->Add(view.mark, view.where + ": view '" + view.value + "' is listed twice");
    }
  }
}

void CheckReferences(const FusionConfig& config, const References& references, Problems* problems) {
  for (const auto& [id, pipe] : references.pipes) CheckPipeReferences(config, pipe, problems);
  for (const auto& [receiver, pipe] : references.api_keys) {
    const auto found = config.pipes.find(pipe.value);
    if (found == config.pipes.end()) {
      config::CheckReference(pipe, "pipe", KeysOf(config.pipes), problems);
    } else if (found->second.receiver != receiver) {
      problems->Add(pipe.mark, pipe.where + ": pipe '" + pipe.value + "' listens to receiver '" +
                                   found->second.receiver + "', not to this one");
    }
  }
}

}  // namespace

Result<FusionConfig> ReadFusionConfig(const config::Node& node) {
  Problems problems;
  References references;
  Reader root(node, "", &problems);
  FusionConfig config;
  config.host = root.String("host", config.host);
  config.port = ReadPort(&root, config.port);
  config.tls = ReadTls(&root);
  config.logging = config::ReadLogging(&root);
  config.checkpoint_dir = root.String("checkpoint_dir", config.checkpoint_dir);
  for (auto& [id, reader] : root.Children("receivers")) {
    config.receivers.emplace(id, ReadReceiver(id, &reader, &references, &problems));
  }
  KeyRegister view_keys(&problems);
  Reader management = root.Child("management");
  for (Name& key : management.Names("api_keys")) {
    view_keys.Add(key);
    config.management_keys.push_back(std::move(key.value));
  }
  management.Finish();
  for (auto& [id, reader] : root.Children("views")) {
    config.views.emplace(id, ReadView(&reader, &view_keys));
  }
  for (auto& [id, reader] : root.Children("pipes")) {
    config.pipes.emplace(id, ReadPipe(id, &reader, &references));
  }
  CheckReferences(config, references, &problems);
  root.Finish();
  FUSTOR_TRY(problems.status());
  return config;
}

}  // namespace fustor::fusion
