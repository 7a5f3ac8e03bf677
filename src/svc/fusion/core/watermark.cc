#include "svc/fusion/core/watermark.h"

#include "base/mutants.h"
#include "svc/fusion/core/evidence.h"

namespace fustor::fusion {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

std::int64_t FloorSeconds(std::int64_t ns) { return ns / kSecond - (ns % kSecond < 0 ? 1 : 0); }

std::uint64_t Distance(std::int64_t skew) {
  return skew < 0 ? 0 - static_cast<std::uint64_t>(skew) : static_cast<std::uint64_t>(skew);
}

}  // namespace

bool Watermark::Rank::operator<(const Rank& other) const {
  if (count != other.count) return count > other.count;
  if (Distance(skew_s) != Distance(other.skew_s)) {
    return Distance(skew_s) < Distance(other.skew_s);
  }
  return skew_s > other.skew_s;
}

void Watermark::Count(std::int64_t skew_s, int step) {
  std::uint32_t& count = counts_[skew_s];
  if (count > 0) ranks_.erase({count, skew_s});
  count = static_cast<std::uint32_t>(static_cast<std::int64_t>(count) + step);
  if (count > 0) {
    ranks_.insert({count, skew_s});
  } else {
    counts_.erase(skew_s);
  }
}

void Watermark::Sample(WallTime mtime, WallTime wall) {
  const std::int64_t skew_s = FloorSeconds(SaturatingSub(wall.ns, mtime.ns));
  window_.push_back(skew_s);
  if (window_.size() <= options_.samples_max) {
    Count(skew_s, 1);
    return;
  }
  const std::int64_t oldest = window_.front();
  window_.pop_front();
  if (oldest == skew_s) return;
  Count(skew_s, 1);
  Count(oldest, -1);
}

WallTime Watermark::At(WallTime wall) const {
  if (ranks_.empty() || Broken("clock-is-the-wall")) return wall;
  return {SaturatingSub(wall.ns, ranks_.begin()->skew_s * kSecond)};
}

void Watermark::Clear() {
  window_.clear();
  counts_.clear();
  ranks_.clear();
}

}  // namespace fustor::fusion
