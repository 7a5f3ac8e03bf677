// find_tests.h: the tests of find: words that say something about one entry.
//
// Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "lib/regex/regex.h"
#include "svc/client/core/find_part.h"

namespace fustor::client {

// What words before it have set, and what a test needs of the world.
struct FindSetting {
  WallTime now;
  const LocalClock* clock = nullptr;
  regex::Syntax syntax = regex::Syntax::kEmacs;  // As find's, whatever "findutils-default" says.
  std::vector<std::string> references, users, groups;
  bool needs_attributes = false;
  bool needs_totals = false;
};

// nullopt: no test has this name. Else whether it takes a value.
std::optional<bool> FindTestTakesValue(std::string_view word);
std::vector<std::string_view> FindTestWords();

// REQUIRES: FindTestTakesValue(word); `value` is empty when it takes none.
// Errors: kInvalidArgument with a sentence for the user.
Result<FindPart> ParseFindTest(const std::string& word, const std::string& value,
                               FindSetting* setting);

// The name of an entry as -name and %f see it, without slashes behind it.
std::string_view FindNameOf(std::string_view shown);

}  // namespace fustor::client
