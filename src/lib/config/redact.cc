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
  return !text.empty() && text.front() != '-' && text.front() != '.' &&
         std::ranges::all_of(text, plain);
}

void AppendScalar(const std::string& text, bool quoted, std::string* out) {
  if (!quoted && IsPlain(text)) {
    *out += text;
    return;
  }
  // A JSON string is one of YAML.
  JsonWriter(out).String(text);
}

void Append(const Node& node, bool secret, std::size_t depth, std::string* out);

// What follows "key:" or "-".
void AppendValue(const Node& node, bool secret, std::size_t depth, std::string* out) {
  switch (node.kind) {
    case Node::Kind::kNull:
      *out += " null\n";
      return;
    case Node::Kind::kScalar:
      *out += ' ';
      if (secret) {
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
  Append(node, secret, depth + 1, out);
}

void Append(const Node& node, bool secret, std::size_t depth, std::string* out) {
  const std::string indent(2 * depth, ' ');
  for (const Node& item : node.items) {
    *out += indent + "-";
    AppendValue(item, secret, depth, out);
  }
  for (const Member& member : node.members) {
    *out += indent;
    AppendScalar(member.key, false, out);
    *out += ':';
    const bool hidden = IsSecret(member.key) || (secret && !IsHarmless(member.key));
    AppendValue(member.value, hidden, depth, out);
  }
}

}  // namespace

std::string RedactedYaml(const Node& root) {
  std::string out;
  Append(root, false, 0, &out);
  return out;
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
