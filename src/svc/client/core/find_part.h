// find_part.h: pieces of an expression of find, and what is known of each for narrowing.
//
// Pure.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "svc/client/core/find_expression.h"

namespace fustor::client {

struct FindPart {
  std::shared_ptr<const Expression> expression;
  Narrowing when_true;    // Holds for every entry for which the part is true.
  Narrowing when_acting;  // Holds for every entry for which it does something.
  bool acts = false;      // It has an action.
  bool prints = false;    // It has one that replaces the implicit -print.
};

// A test of an entry.
FindPart MakeTest(std::function<bool(const Candidate&)> test, Narrowing narrowing = {});
// Something that is done; true.
FindPart MakePrinter(std::function<void(const Candidate&, FindActions&)> action);
// -prune and -quit: done, but what is found is still printed.
FindPart MakePrune();
FindPart MakeQuit();

FindPart MakeNot(FindPart part);
// In order, as far as needed. REQUIRES: at least one part.
FindPart MakeAnd(std::vector<FindPart> parts);
FindPart MakeOr(std::vector<FindPart> parts);
// All of them; the last one's value counts.
FindPart MakeList(std::vector<FindPart> parts);

}  // namespace fustor::client
