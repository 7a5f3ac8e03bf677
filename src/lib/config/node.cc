#include "lib/config/node.h"

#include "base/check.h"

namespace fustor::config {
namespace {

Status Twice(std::string_view what, const Mark& second, const Mark& first) {
  return Status(Code::kInvalidArgument, second.ToString() + ": '" + std::string(what) +
                                            "' is already defined at " + first.ToString());
}

Member* FindMember(Node* map, std::string_view key) {
  for (Member& member : map->members) {
    if (member.key == key) return &member;
  }
  return nullptr;
}

Status UniteSection(Member* into, Member from) {
  const bool maps = into->value.kind == Node::Kind::kMap && from.value.kind == Node::Kind::kMap;
  if (!maps) return Twice(from.key, from.mark, into->mark);
  for (Member& member : from.value.members) {
    if (const Member* first = FindMember(&into->value, member.key)) {
      return Twice(from.key + "." + member.key, member.mark, first->mark);
    }
    into->value.members.push_back(std::move(member));
  }
  return Status();
}

}  // namespace

std::string Mark::ToString() const {
  std::string text = file == nullptr ? "configuration" : *file;
  if (line > 0) text += ":" + std::to_string(line) + ":" + std::to_string(column);
  return text;
}

const Node* Node::Find(std::string_view key) const {
  for (const Member& member : members) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

Result<Node> Merge(std::vector<Node> roots) {
  Node all;
  all.kind = Node::Kind::kMap;
  if (!roots.empty()) all.mark = roots.front().mark;
  for (Node& root : roots) {
    FUSTOR_CHECK(root.kind == Node::Kind::kMap || root.kind == Node::Kind::kNull);
    for (Member& member : root.members) {
      if (Member* first = FindMember(&all, member.key)) {
        FUSTOR_TRY(UniteSection(first, std::move(member)));
      } else {
        all.members.push_back(std::move(member));
      }
    }
  }
  return all;
}

}  // namespace fustor::config
