#include "apps/fustor-fusion/remote.h"

#include <utility>

#include "adapters/posix/files.h"
#include "adapters/yaml/parse.h"
#include "lib/config/redact.h"

namespace fustor::fusion {
namespace {

constexpr char kFolder[] = "fusion-config";

}  // namespace

Result<FusionConfig> LoadFusionConfig(const std::string& given, const process::FileChange& change) {
  FUSTOR_TRY_ASSIGN(const config::Node root, process::LoadConfiguration(given, kFolder, change));
  return ReadFusionConfig(root);
}

void Remote::Take(ConfigRequest request, ManagementPorts::Answer answer) {
  {
    const std::scoped_lock lock(mutex_);
    if (stopped_ || waiting_.size() >= kWaitingMax) {
      answer(Status(Code::kResourceExhausted, "Other changes wait for their turn"));
      return;
    }
    waiting_.emplace_back(std::move(request), std::move(answer));
  }
  signals_.Wake();
}

void Remote::CarryOut(const Reload& reload) {
  for (;;) {
    std::deque<std::pair<ConfigRequest, ManagementPorts::Answer>> now;
    {
      const std::scoped_lock lock(mutex_);
      now.swap(waiting_);
    }
    if (now.empty()) return;
    for (auto& [request, answer] : now) answer(CarryOutOne(request, reload));
  }
}

void Remote::Stop() {
  const std::scoped_lock lock(mutex_);
  stopped_ = true;
  for (auto& [request, answer] : waiting_) answer(Status(Code::kUnavailable, "Fusion stops"));
  waiting_.clear();
}

Result<ConfigAnswer> Remote::CarryOutOne(const ConfigRequest& request, const Reload& reload) {
  switch (request.kind) {
    case ConfigRequest::Kind::kShow:
      break;
    case ConfigRequest::Kind::kReload:
      FUSTOR_TRY(reload());
      break;
    case ConfigRequest::Kind::kUpdate:
      return Update(request, reload);
  }
  return Show();
}

Result<ConfigAnswer> Remote::Show() const {
  FUSTOR_TRY_ASSIGN(const std::string path, process::ConfigurationPath(given_, kFolder));
  FUSTOR_TRY_ASSIGN(const config::Node root, process::LoadConfiguration(given_, kFolder));
  return ConfigAnswer{process::ConfigurationName(path), config::RedactedYaml(root)};
}

Result<ConfigAnswer> Remote::Update(const ConfigRequest& request, const Reload& reload) {
  FUSTOR_TRY_ASSIGN(const std::string path, process::ConfigurationPath(given_, kFolder));
  const std::string name = process::ConfigurationName(path);
  process::FileChange change;
  const Result<std::string> file = process::ConfigurationFile(path, name);
  if (!file.ok()) {
    return Status(Code::kFailedPrecondition,
                  "The configuration has several files: change them where they are");
  }
  change.path = *file;
  FUSTOR_TRY_ASSIGN(const std::string text,
                    posix::OpenFiles()->Read(change.path, yaml::kFileBytesMax));
  FUSTOR_TRY_ASSIGN(config::Node root, yaml::Parse(text, name));
  FUSTOR_TRY_ASSIGN(const config::Node patch, yaml::Parse(request.patch, "patch"));
  if (config::HoldsRedacted(patch)) {
    return Status(Code::kInvalidArgument,
                  "A secret is still hidden as '***': leave it out, or give the real one");
  }
  if (patch.kind != config::Node::Kind::kMap) {
    return Status(Code::kInvalidArgument, "The body must be a JSON object of what is to change");
  }
  config::MergePatch(patch, &root);
  change.text = config::FullYaml(root);
  FUSTOR_TRY(LoadFusionConfig(given_, change).status());
  if (!request.dry_run) FUSTOR_TRY(process::ReplaceFile(change, reload));
  return ConfigAnswer{name, config::RedactedYaml(root)};
}

}  // namespace fustor::fusion
