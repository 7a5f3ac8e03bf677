#include "sim/nfs_client.h"

#include <algorithm>
#include <utility>

#include "base/path.h"

namespace fustor::sim {

NfsClient::NfsClient(World& world, FileSystem& fs, NfsOptions options)
    : world_(world), fs_(fs), options_(options) {
  fs_.Listen(*this);
}

const NfsClient::Known* NfsClient::Ask(NodeId node) {
  if (!fs_.Exists(node)) {
    known_.erase(node);
    names_.erase(node);
    return nullptr;
  }
  Known& known = known_[node];
  const std::uint64_t changes = fs_.ChangesOf(node);
  const bool same = known.life > Nanos(0) && known.changes == changes;
  known.life = same ? std::min(known.life * 2, options_.life_max) : options_.life_min;
  known.changes = changes;
  known.attrs = fs_.AttrsOf(node);
  known.target = fs_.TargetOf(node);
  known.until = world_.now() + known.life;
  return &known;
}

const NfsClient::Known* NfsClient::Look(NodeId node) {
  const auto it = known_.find(node);
  if (it != known_.end() && it->second.until > world_.now()) return &it->second;
  return Ask(node);
}

const NfsClient::Names* NfsClient::NamesOf(NodeId dir) {
  const Known* known = Look(dir);
  if (known == nullptr || !known->attrs.is_directory()) return nullptr;
  const auto it = names_.find(dir);
  if (it != names_.end() && it->second.changes == known->changes) return &it->second;
  if (!fs_.Exists(dir)) return nullptr;
  // Read from the server, and its attributes with it.
  known = Ask(dir);
  Names& names = names_[dir];
  names.changes = known->changes;
  names.nodes.clear();
  for (std::string& name : fs_.NamesIn(dir)) {
    const NodeId node = *fs_.Find(dir, name);
    names.nodes.emplace_hint(names.nodes.end(), std::move(name), node);
    if (options_.readdir_plus) Ask(node);
  }
  return &names;
}

std::optional<NodeId> NfsClient::Find(NodeId dir, std::string_view name) {
  const Names* names = NamesOf(dir);
  if (names == nullptr) return std::nullopt;
  const auto it = names->nodes.find(name);
  if (it == names->nodes.end()) return std::nullopt;
  return it->second;
}

Result<NodeId> NfsClient::Resolve(std::string_view path) {
  NodeId at = FileSystem::kRoot;
  std::string_view rest = path == "/" ? std::string_view() : path;
  while (!rest.empty()) {
    const Known* known = Look(at);
    if (known == nullptr) return Status(Code::kNotFound, "stale file handle");
    if (!known->attrs.is_directory()) return Status(Code::kFailedPrecondition, "not a directory");
    const std::optional<NodeId> next = Find(at, NextComponent(&rest));
    if (!next) return Status(Code::kNotFound, "no such entry");
    at = *next;
  }
  return at;
}

void NfsClient::OpenDirectory(NodeId dir) {
  if (options_.close_to_open) Ask(dir);
}

std::optional<std::vector<std::string>> NfsClient::NamesIn(NodeId dir) {
  const Names* names = NamesOf(dir);
  if (names == nullptr) return std::nullopt;
  std::vector<std::string> list;
  list.reserve(names->nodes.size());
  for (const auto& [name, node] : names->nodes) list.push_back(name);
  return list;
}

// Every answer to an operation brings the attributes of what it has touched.
void NfsClient::OnRecord(const Record& record) {
  if (record.actor.mount != options_.mount) return;
  Changed(record.dir, record.name);
  if (record.what == Record::What::kRename) Changed(record.to_dir, record.to_name);
}

void NfsClient::Changed(NodeId dir, std::string_view name) {
  if (const auto it = names_.find(dir); it != names_.end()) {
    const auto child = it->second.nodes.find(name);
    if (child != it->second.nodes.end()) known_.erase(child->second);
  }
  known_.erase(dir);
  names_.erase(dir);
  if (const std::optional<NodeId> node = fs_.Find(dir, name)) known_.erase(*node);
}

}  // namespace fustor::sim
