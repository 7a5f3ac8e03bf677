// reader.h: reads a configuration tree into typed values, and tells everything that is wrong with
// it at once.
//
//   Problems problems;
//   Reader root(node, "", &problems);
//   config.port = root.Int("port", 8101, 1, 65535);
//   root.Finish();
//   FUSTOR_TRY(problems.status());
//
// Pure. Readers never fail: what is wrong goes to Problems, and the value returned is the default.
// Error texts name file, line, column and the key's path; values appear in them only where they are
// names (enumerations, references), never otherwise: they might be secrets.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "lib/config/node.h"

namespace fustor::config {

// What is wrong, in the order of finding. Holds the first 50; of the rest only the number.
class Problems {
 public:
  void Add(const Mark& mark, std::string text);
  bool empty() const { return count_ == 0; }
  // Ok, or kInvalidArgument with one line per problem.
  Status status() const;

 private:
  std::vector<std::string> lines_;
  std::size_t count_ = 0;
};

// A text that knows where it stands, for names that must be looked up later.
struct Name {
  std::string value;
  Mark mark;
  std::string where;  // "pipes.main.source"
};

// The candidate that `word` was probably meant to be; empty when none is near.
std::string_view Nearest(std::string_view word, std::span<const std::string> candidates);

// "; did you mean 'x'?", or nothing.
std::string Suggestion(std::string_view word, std::span<const std::string> candidates);

// Reports a name that is not among `known`: "pipes.main.source: no source is called 'hme'".
void CheckReference(const Name& name, std::string_view kind, std::span<const std::string> known,
                    Problems* problems);

// One map of the tree. Every key that is asked for is known; Finish reports the others. A key
// without a value counts as not given. The node and the problems must outlive the reader.
class Reader {
 public:
  // `where` is the path of this map ("views.main"), empty at the top. A node that is no map is
  // reported and read as an empty one.
  Reader(const Node& node, std::string where, Problems* problems);

  // True when the key has a value.
  bool Has(std::string_view key);
  // True when the value is one text.
  bool IsScalar(std::string_view key);

  std::string RequireString(std::string_view key);
  std::string String(std::string_view key, std::string missing);
  Name RequireName(std::string_view key);
  std::int64_t Int(std::string_view key, std::int64_t missing,
                   std::int64_t min = std::numeric_limits<std::int64_t>::min(),
                   std::int64_t max = std::numeric_limits<std::int64_t>::max());
  double Double(std::string_view key, double missing, double min, double max);
  bool Bool(std::string_view key, bool missing);
  // Seconds as a number ("0.5"), or a number with a unit: ms, s, m, h, d. Never negative, at most
  // 100 years.
  Nanos Duration(std::string_view key, Nanos missing);
  std::optional<Nanos> Duration(std::string_view key);

  template <class E>
  using Choices = std::initializer_list<std::pair<std::string_view, E>>;
  // Case does not count. Without `missing` the key must be there.
  template <class E>
  E Enum(std::string_view key, Choices<E> choices, std::optional<E> missing = std::nullopt) {
    const std::optional<std::string> word = Word(key, !missing.has_value());
    const E fallback = missing.value_or(choices.begin()->second);
    if (!word) return fallback;
    std::vector<std::string> names;
    for (const auto& [name, value] : choices) {
      if (SameWord(*word, name)) return value;
      names.emplace_back(name);
    }
    NotOneOf(key, *word, names);
    return fallback;
  }

  // A list of texts; one text alone is a list of one.
  std::vector<Name> Names(std::string_view key);
  // A list of maps.
  std::vector<Reader> Items(std::string_view key);
  // A map; empty when the key is not given.
  Reader Child(std::string_view key);
  // A map of maps: identifiers and what they stand for. Identifiers are letters, digits, '.', '_'
  // and '-', at most 128 bytes; others are reported.
  std::vector<std::pair<std::string, Reader>> Children(std::string_view key);

  // Reports the keys that nobody asked for. REQUIRES: called once, after all the others.
  void Finish();

  // Reports a problem with the value of `key`, or with the map itself when it is not there.
  void Fail(std::string_view key, std::string_view text);
  const Mark& mark() const { return mark_; }
  const std::string& where() const { return where_; }
  // "views.main.driver"
  std::string Where(std::string_view key) const;

 private:
  const Node* Known(std::string_view key);  // nullptr when not given.
  const Node* Scalar(std::string_view key, std::string_view expected);
  std::optional<std::string> Word(std::string_view key, bool required);
  void Missing(std::string_view key);
  void WrongType(std::string_view key, const Node& node, std::string_view expected);
  void NotOneOf(std::string_view key, std::string_view word, std::span<const std::string> names);
  static bool SameWord(std::string_view a, std::string_view b);

  const Node* node_;
  Mark mark_;  // Of the map, or of the one around it when there is none.
  std::string where_;
  Problems* problems_;
  std::set<std::string, std::less<>> known_;
};

}  // namespace fustor::config
