// golden_testing.h: recorded bytes of the wire formats, in api/golden: what was sent once must mean
// the same for ever.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

namespace fustor::fusion {

// The bytes recorded in the file `path`, below api/golden. With FUSTOR_RECORD_GOLDEN set, a file
// that is not there is written with `now`; one that is there is never changed: programs of
// yesterday send it.
inline std::string Golden(const std::string& path, const std::string& now) {
  std::ifstream in(path, std::ios::binary);
  if (!in && std::getenv("FUSTOR_RECORD_GOLDEN") != nullptr) {
    std::ofstream(path, std::ios::binary) << now;
    return now;
  }
  EXPECT_TRUE(in.good()) << path;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

}  // namespace fustor::fusion
