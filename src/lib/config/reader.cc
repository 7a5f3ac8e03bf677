#include "lib/config/reader.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace fustor::config {
namespace {

constexpr std::size_t kProblemsShown = 50;
constexpr std::size_t kIdentifierBytesMax = 128;

std::string Quoted(std::string_view word) { return "'" + std::string(word) + "'"; }

// A key of somebody's, which has got into the place of a word, is no word.
bool MayBeSecret(std::string_view word) {
  constexpr std::size_t kWordBytesMax = 40;
  constexpr int kDigitsMax = 4;
  const auto is = [word](char from, char to) {
    return std::ranges::count_if(word, [=](char c) { return from <= c && c <= to; });
  };
  return word.size() > kWordBytesMax || is('0', '9') > kDigitsMax || is('A', 'Z') > 1;
}

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string_view KindName(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return "nothing";
    case Node::Kind::kScalar:
      return "text";
    case Node::Kind::kList:
      return "a list";
    case Node::Kind::kMap:
      return "a map";
  }
  return "nothing";
}

// Insertions, deletions, replacements and swaps of neighbours between two words.
std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = d[i - 1][j - 1] + (Lower(a[i - 1]) == Lower(b[j - 1]) ? 0 : 1);
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

template <class T>
std::optional<T> Number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Nanos> ParseDuration(std::string_view text) {
  constexpr std::pair<std::string_view, double> kUnits[] = {
      {"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86'400}};
  constexpr double kSecondsMax = 100 * 366 * 86'400.0;
  double scale = 1;
  for (const auto& [unit, seconds] : kUnits) {
    if (text.ends_with(unit)) {
      text.remove_suffix(unit.size());
      scale = seconds;
      break;
    }
  }
  while (text.ends_with(' ')) text.remove_suffix(1);
  const std::optional<double> number = Number<double>(text);
  if (!number || !(*number >= 0) || *number * scale > kSecondsMax) return std::nullopt;
  return Nanos(std::llround(*number * scale * 1e9));
}

bool IsIdentifier(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !text.empty() && text.size() <= kIdentifierBytesMax && std::ranges::all_of(text, fits);
}

}  // namespace

void Problems::Add(const Mark& mark, std::string text) {
  ++count_;
  if (lines_.size() < kProblemsShown) lines_.push_back(mark.ToString() + ": " + std::move(text));
}

Status Problems::status() const {
  if (empty()) return Status();
  std::string text;
  for (const std::string& line : lines_) {
    if (!text.empty()) text += '\n';
    text += line;
  }
  if (count_ > lines_.size()) {
    text += "\nand " + std::to_string(count_ - lines_.size()) + " more";
  }
  return Status(Code::kInvalidArgument, text);
}

std::string_view Nearest(std::string_view word, std::span<const std::string> candidates) {
  std::string_view best;
  // A third of the letters may be wrong, never all of them.
  std::size_t best_distance = std::min(std::max<std::size_t>(1, word.size() / 3) + 1, word.size());
  if (word.size() > kIdentifierBytesMax) return best;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = EditDistance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string Suggestion(std::string_view word, std::span<const std::string> candidates) {
  const std::string_view nearest = Nearest(word, candidates);
  return nearest.empty() ? "" : "; did you mean " + Quoted(nearest) + "?";
}

// What was written, and what it may have been meant to be. What may be a secret is not shown: its
// place is told.
std::string Mistaken(std::string_view word, std::span<const std::string> candidates) {
  const bool hidden = Nearest(word, candidates).empty() && MayBeSecret(word);
  return hidden ? "'...'" : Quoted(word);
}

void CheckReference(const Name& name, std::string_view kind, std::span<const std::string> known,
                    Problems* problems) {
  if (std::ranges::find(known, name.value) != known.end()) return;
  problems->Add(name.mark, name.where + ": no " + std::string(kind) + " is called " +
                               Mistaken(name.value, known) + Suggestion(name.value, known));
}

Reader::Reader(const Node& node, std::string where, Problems* problems)
    : node_(&node), mark_(node.mark), where_(std::move(where)), problems_(problems) {
  if (node.kind != Node::Kind::kMap && node.kind != Node::Kind::kNull) {
    const std::string subject = where_.empty() ? "" : where_ + ": ";
    problems_->Add(node.mark, subject + "expected a map, found " + std::string(KindName(node)));
  }
}

std::string Reader::Where(std::string_view key) const {
  return where_.empty() ? std::string(key) : where_ + "." + std::string(key);
}

const Node* Reader::Known(std::string_view key) {
  known_.emplace(key);
  const Node* node = node_->Find(key);
  return node == nullptr || node->kind == Node::Kind::kNull ? nullptr : node;
}

bool Reader::Has(std::string_view key) { return Known(key) != nullptr; }

bool Reader::IsScalar(std::string_view key) {
  const Node* node = Known(key);
  return node != nullptr && node->kind == Node::Kind::kScalar;
}

void Reader::Fail(std::string_view key, std::string_view text) {
  const Node* node = node_->Find(key);
  problems_->Add(node == nullptr ? mark_ : node->mark, Where(key) + ": " + std::string(text));
}

void Reader::Missing(std::string_view key) {
  const std::string subject = where_.empty() ? "" : where_ + ": ";
  problems_->Add(mark_, subject + Quoted(key) + " is missing");
}

void Reader::WrongType(std::string_view key, const Node& node, std::string_view expected) {
  problems_->Add(node.mark, Where(key) + ": expected " + std::string(expected) + ", found " +
                                std::string(KindName(node)));
}

const Node* Reader::Scalar(std::string_view key, std::string_view expected) {
  const Node* node = Known(key);
  if (node == nullptr || node->kind == Node::Kind::kScalar) return node;
  WrongType(key, *node, expected);
  return nullptr;
}

std::string Reader::RequireString(std::string_view key) { return RequireName(key).value; }

Name Reader::RequireName(std::string_view key) {
  const Node* node = Known(key);
  Name name{.value = "", .mark = mark_, .where = Where(key)};
  if (node == nullptr) {
    Missing(key);
    return name;
  }
  name.mark = node->mark;
  if (node->kind != Node::Kind::kScalar) {
    WrongType(key, *node, "text");
  } else if (node->scalar.empty()) {
    Fail(key, "must not be empty");
  } else {
    name.value = node->scalar;
  }
  return name;
}

std::string Reader::String(std::string_view key, std::string missing) {
  const Node* node = Scalar(key, "text");
  return node == nullptr ? missing : node->scalar;
}

std::optional<std::string> Reader::Word(std::string_view key, bool required) {
  if (!Has(key)) {
    if (required) Missing(key);
    return std::nullopt;
  }
  const Node* node = Scalar(key, "text");
  if (node == nullptr) return std::nullopt;
  return node->scalar;
}

std::int64_t Reader::Int(std::string_view key, std::int64_t missing, std::int64_t min,
                         std::int64_t max) {
  const Node* node = Scalar(key, "an integer");
  if (node == nullptr) return missing;
  const std::optional<std::int64_t> value = Number<std::int64_t>(node->scalar);
  if (!value) {
    WrongType(key, *node, "an integer");
    return missing;
  }
  if (*value < min || *value > max) {
    Fail(key, max == std::numeric_limits<std::int64_t>::max()
                  ? "must be at least " + std::to_string(min)
                  : "must be from " + std::to_string(min) + " to " + std::to_string(max));
    return missing;
  }
  return *value;
}

double Reader::Double(std::string_view key, double missing, double min, double max) {
  const Node* node = Scalar(key, "a number");
  if (node == nullptr) return missing;
  const std::optional<double> value = Number<double>(node->scalar);
  if (!value) {
    WrongType(key, *node, "a number");
    return missing;
  }
  if (!(*value >= min && *value <= max)) {
    const auto shown = [](double v) {
      char digits[32];
      return std::string(digits, std::to_chars(digits, digits + sizeof digits, v).ptr);
    };
    Fail(key, "must be from " + shown(min) + " to " + shown(max));
    return missing;
  }
  return *value;
}

bool Reader::Bool(std::string_view key, bool missing) {
  const Node* node = Scalar(key, "true or false");
  if (node == nullptr) return missing;
  for (const std::string_view word : {"true", "yes", "on"}) {
    if (!node->quoted && SameWord(node->scalar, word)) return true;
  }
  for (const std::string_view word : {"false", "no", "off"}) {
    if (!node->quoted && SameWord(node->scalar, word)) return false;
  }
  WrongType(key, *node, "true or false");
  return missing;
}

std::optional<Nanos> Reader::Duration(std::string_view key) {
  constexpr std::string_view kExpected = "seconds (0.5) or a duration (500ms, 30s, 5m, 12h, 1d)";
  const Node* node = Scalar(key, kExpected);
  if (node == nullptr) return std::nullopt;
  const std::optional<Nanos> value = ParseDuration(node->scalar);
  if (!value) WrongType(key, *node, kExpected);
  return value;
}

Nanos Reader::Duration(std::string_view key, Nanos missing) {
  return Duration(key).value_or(missing);
}

bool Reader::SameWord(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, Lower, Lower);
}

void Reader::NotOneOf(std::string_view key, std::string_view word,
                      std::span<const std::string> names) {
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  Fail(key, Mistaken(word, names) + " is not one of " + all + Suggestion(word, names));
}

std::vector<Name> Reader::Names(std::string_view key) {
  const Node* node = Known(key);
  if (node == nullptr) return {};
  if (node->kind == Node::Kind::kScalar) return {{node->scalar, node->mark, Where(key)}};
  std::vector<Name> names;
  if (node->kind != Node::Kind::kList) WrongType(key, *node, "a list");
  for (std::size_t i = 0; i < node->items.size(); ++i) {
    const Node& item = node->items[i];
    std::string name = std::string(key) + "[" + std::to_string(i) + "]";
    if (item.kind == Node::Kind::kScalar && !item.scalar.empty()) {
      names.push_back({item.scalar, item.mark, Where(name)});
    } else {
      WrongType(name, item, "text");
    }
  }
  return names;
}

std::vector<Reader> Reader::Items(std::string_view key) {
  const Node* node = Known(key);
  if (node == nullptr) return {};
  std::vector<Reader> readers;
  if (node->kind != Node::Kind::kList) WrongType(key, *node, "a list");
  for (std::size_t i = 0; i < node->items.size(); ++i) {
    readers.emplace_back(node->items[i], Where(key) + "[" + std::to_string(i) + "]", problems_);
  }
  return readers;
}

Reader Reader::Child(std::string_view key) {
  static const Node kNothing;
  const Node* node = Known(key);
  Reader child(node == nullptr ? kNothing : *node, Where(key), problems_);
  if (node == nullptr) child.mark_ = mark_;
  return child;
}

std::vector<std::pair<std::string, Reader>> Reader::Children(std::string_view key) {
  const Node* node = Known(key);
  if (node == nullptr) return {};
  std::vector<std::pair<std::string, Reader>> children;
  if (node->kind != Node::Kind::kMap) WrongType(key, *node, "a map");
  for (const Member& member : node->members) {
    if (!IsIdentifier(member.key)) {
      problems_->Add(member.mark, Where(key) +
                                      ": a name is made of letters, digits, '.', '_' and '-', at "
                                      "most 128 of them");
      continue;
    }
    children.emplace_back(member.key,
                          Reader(member.value, Where(key) + "." + member.key, problems_));
  }
  return children;
}

void Reader::Finish() {
  const std::vector<std::string> known(known_.begin(), known_.end());
  for (const Member& member : node_->members) {
    if (known_.contains(member.key)) continue;
    const std::string place = where_.empty() ? "at the top" : "in " + where_;
    problems_->Add(member.mark, "unknown key " + Mistaken(member.key, known) + " " + place +
                                    Suggestion(member.key, known));
  }
}

}  // namespace fustor::config
