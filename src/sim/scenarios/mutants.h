// mutants.h: the rules that the simulation must see broken.
//
// Each name is asked for by Broken (base/mutants.h) where the rule is carried out.
#pragma once

#include <cstdint>
#include <span>

namespace fustor::sim {

struct Mutant {
  const char* name;
  const char* rule;    // What it breaks, as a sentence about the product.
  std::uint64_t seed;  // Known to notice: the first one, when the list was last made.
};

std::span<const Mutant> Mutants();

}  // namespace fustor::sim
