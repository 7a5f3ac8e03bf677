// mutants.h: rules of the product that a build for tests can break, one at a time.
//
//   if (!Broken("tombstones-ignored") && IsZombie(row)) ...
//
// A simulation that passes proves little unless it fails when a rule is broken: `./dev sim
// --mutants` breaks each one and shows the seed that notices. Without FUSTOR_MUTANTS - in
// everything that is shipped - Broken is the constant false: nothing of a mutant is left in the
// program. With it, one name, chosen for the whole process before anything runs (BreakRule), is
// broken. Names are told apart by their hash, so that asking costs one comparison.
#pragma once

#include <cstdint>
#include <string_view>

namespace fustor {

class RuleName {
 public:
  consteval RuleName(const char* name)
      : hash_(Hash(name)) {}  // NOLINT(google-explicit-constructor)
  constexpr std::uint64_t hash() const { return hash_; }

  // FNV-1a. Never 0 for the names that there are.
  static constexpr std::uint64_t Hash(std::string_view name) {
    std::uint64_t hash = 0xCBF29CE484222325ull;
    for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ull;
    return hash;
  }

 private:
  std::uint64_t hash_;
};

#ifdef FUSTOR_MUTANTS

namespace internal {
inline std::uint64_t broken_rule = 0;  // 0: none.
inline bool rule_was_asked = false;
}  // namespace internal

// REQUIRES: nothing else runs yet. An empty name breaks nothing.
inline void BreakRule(std::string_view name) {
  internal::broken_rule = name.empty() ? 0 : RuleName::Hash(name);
}
inline bool Broken(RuleName name) {
  if (name.hash() != internal::broken_rule) return false;
  internal::rule_was_asked = true;
  return true;
}
// Something has asked for the rule that is broken: the name is not misspelt.
inline bool BrokenRuleWasAsked() { return internal::rule_was_asked; }
inline constexpr bool kMutantsBuiltIn = true;

#else

constexpr void BreakRule(std::string_view) {}
constexpr bool Broken(RuleName) { return false; }
constexpr bool BrokenRuleWasAsked() { return false; }
inline constexpr bool kMutantsBuiltIn = false;

#endif

}  // namespace fustor
