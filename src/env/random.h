// random.h: randomness of the world outside. Thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace fustor::env {

class Random {
 public:
  virtual ~Random() = default;
  // Fills `out` with bytes fit for secrets.
  virtual void Fill(std::span<std::byte> out) = 0;

  std::uint64_t Next();
  // `bytes` random bytes as lower-case hexadecimal.
  std::string Hex(std::size_t bytes);
};

}  // namespace fustor::env
