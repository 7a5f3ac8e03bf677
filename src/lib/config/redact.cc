#include "lib/config/redact.h"

#include <algorithm>

#include "base/json_writer.h"

namespace fustor::config {
namespace {

bool IsSecret(std::string_view key) {
  std::string lower(key);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  if (lower.ends_with("_file")) return false;  // Names a file.
  constexpr std::string_view kWords[] = {"key", "passw", "secret", "token", "credential"};
  return std::ranges::any_of(
      kWords, [&](std::string_view word) { return lower.find(word) != std::string::npos; });
}

// Inside of what is secret.
bool IsHarmless(std::string_view key) { return key == "pipe_id" || key.ends_with("_file"); }

std::string WithoutPassword(const std::string& text) {
  const std::size_t scheme = text.find("://");
  if (scheme == std::string::npos) return text;
  const std::size_t host = scheme + 3;
  const std::size_t end = std::min(text.find_first_of("/?#", host), text.size());
  const std::size_t at = text.rfind('@', end);
  if (at == std::string::npos || at < host || at > end) return text;
  return text.substr(0, host) + std::string(kRedacted) + text.substr(at);
}

// Words that need no quotes in YAML and mean the same without.
bool IsPlain(std::string_view text) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '/' || c == '-';
  };
  return !text.empty() && text.front() != '-' && text.front() != '.' && text != "null" &&
         text != "Null" && text != "NULL" && std::ranges::all_of(text, plain);
}

void AppendScalar(const std::string& text, bool quoted, std::string* out) {
  if (!quoted && IsPlain(text)) {
    *out += text;
    return;
  }
  // A JSON string is one of YAML.
  JsonWriter(out).String(text);
}

// What is to be hidden.
enum class Hidden { kNothing, kSecrets, kEverything };

void Append(const Node& node, Hidden hidden, std::size_t depth, std::string* out);

// What follows "key:" or "-".
void AppendValue(const Node& node, Hidden hidden, std::size_t depth, std::string* out) {
  switch (node.kind) {
    case Node::Kind::kNull:
      *out += " null\n";
      return;
    case Node::Kind::kScalar:
      *out += ' ';
      if (hidden == Hidden::kNothing) {
        AppendScalar(node.scalar, node.quoted, out);
      } else if (hidden == Hidden::kEverything) {
        AppendScalar(std::string(kRedacted), true, out);
      } else {
        AppendScalar(WithoutPassword(node.scalar), node.quoted, out);
      }
      *out += '\n';
      return;
    default:
      break;
  }
  if (node.items.empty() && node.members.empty()) {
    *out += node.kind == Node::Kind::kList ? " []\n" : " {}\n";
    return;
  }
  *out += '\n';
  Append(node, hidden, depth + 1, out);
}

void Append(const Node& node, Hidden hidden, std::size_t depth, std::string* out) {
  const std::string indent(2 * depth, ' ');
  for (const Node& item : node.items) {
    *out += indent + "-";
    AppendValue(item, hidden, depth, out);
  }
  for (const Member& member : node.members) {
    *out += indent;
    AppendScalar(member.key, false, out);
    *out += ':';
    Hidden below = hidden;
    if (hidden == Hidden::kSecrets && IsSecret(member.key)) below = Hidden::kEverything;
    if (hidden == Hidden::kEverything && IsHarmless(member.key)) below = Hidden::kSecrets;
    AppendValue(member.value, below, depth, out);
  }
}

}  // namespace

std::string RedactedYaml(const Node& root) {
  std::string out;
  Append(root, Hidden::kSecrets, 0, &out);
  return out;
}

std::string FullYaml(const Node& root) {
  std::string out;
  Append(root, Hidden::kNothing, 0, &out);
  return out;
}

void MergePatch(const Node& patch, Node* target) {
  if (patch.kind != Node::Kind::kMap) {
    *target = patch;
    return;
  }
  if (target->kind != Node::Kind::kMap) {
    *target = Node();
    target->kind = Node::Kind::kMap;
  }
  for (const Member& member : patch.members) {
    const auto known = std::ranges::find(target->members, member.key, &Member::key);
    if (member.value.kind == Node::Kind::kNull) {
      if (known != target->members.end()) target->members.erase(known);
      continue;
    }
    if (known != target->members.end()) {
      MergePatch(member.value, &known->value);
    } else {
      target->members.push_back({member.key, member.mark, {}});
      MergePatch(member.value, &target->members.back().value);
    }
  }
}

bool HoldsRedacted(const Node& node) {
  if (node.kind == Node::Kind::kScalar) {
    return node.scalar == kRedacted ||
           node.scalar.find("://" + std::string(kRedacted) + "@") != std::string::npos;
  }
  return std::ranges::any_of(node.items, &HoldsRedacted) ||
         std::ranges::any_of(node.members,
                             [](const Member& member) { return HoldsRedacted(member.value); });
}

}  // namespace fustor::config
