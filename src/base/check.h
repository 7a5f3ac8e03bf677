// check.h: how the program stops when it has found a mistake of its own.
//
// FUSTOR_CHECK(condition) and FUSTOR_CHECK(condition, text) stay on in every build: they print the
// place, the condition and the text to stderr and abort. Never for what a peer, a file or a user
// can cause: that is a Result (result.h).
#pragma once

#include <string_view>

namespace fustor {

[[noreturn]] void CheckFailed(const char* file, int line, const char* condition,
                              std::string_view text = {});

}  // namespace fustor

#define FUSTOR_CHECK(condition, ...)                                                    \
  do {                                                                                  \
    if (!(condition)) [[unlikely]]                                                      \
      ::fustor::CheckFailed(__FILE__, __LINE__, #condition __VA_OPT__(, ) __VA_ARGS__); \
  } while (false)
