// listed_times.h: what directories looked like when they were last read, so that an audit can pass
// by those that are still the same.
//
// Pure; one owner. 16 bytes a directory. A directory whose times could still be met by a change
// that came after its listing ("racily clean") is not kept: see IsClean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/entry.h"
#include "base/time.h"
#include "env/tree_types.h"

namespace fustor::agent {

class ListedTimes {
 public:
  // How fine times are where nobody says. Local file systems take them from the kernel's coarse
  // clock (10 ms at 100 Hz); those that keep whole seconds (or every other one, as FAT) show it.
  static constexpr Nanos kTick = Millis(20);
  static constexpr Nanos kWholeSeconds = Seconds(2);
  static constexpr Nanos kRemoteTick = Seconds(2);
  // A file server's clock is not further off than this. Only where nothing younger was seen.
  static constexpr Nanos kRemoteClockOff = Seconds(24 * 3600);

  // True when every change after this listing gives the directory other times than those in
  // `listed.self`. `newest_ns` is the newest ctime that had been seen on the same file system when
  // the listing was asked for: its clock was there at least.
  static bool IsClean(const env::ListedDir& listed, std::int64_t newest_ns) {
    const auto before = [](std::int64_t time_ns, Nanos by) {
      return time_ns < INT64_MIN + by.count() ? INT64_MIN : time_ns - by.count();
    };
    const EntryAttrs& self = listed.self;
    // Anybody can set an mtime; where there is a ctime, it moves with every change.
    const std::int64_t changed_ns = self.ctime_ns != 0 ? self.ctime_ns : self.mtime_ns;
    if (listed.remote) {
      return changed_ns < before(newest_ns, kRemoteTick) ||
             changed_ns < before(listed.started_at.ns, kRemoteClockOff);
    }
    constexpr std::int64_t kSecondNs = 1'000'000'000;
    const bool whole = self.mtime_ns % kSecondNs == 0 && self.ctime_ns % kSecondNs == 0;
    const Nanos tick = whole ? kWholeSeconds : kTick;
    return changed_ns < before(listed.started_at.ns, tick);
  }

  void Note(env::DirKey dir, const EntryAttrs& self) {
    if (dir.value >= times_.size()) times_.resize(dir.value + 1);
    times_[dir.value] = {self.mtime_ns, self.ctime_ns};
  }
  void Forget(env::DirKey dir) {
    if (dir.value < times_.size()) times_[dir.value] = {};
  }
  void Clear() { times_ = {}; }
  // Inode 0: not known.
  env::ListRequest::Known Find(env::DirKey dir, std::uint64_t inode) const {
    if (dir.value >= times_.size() || times_[dir.value].mtime_ns == kNone) return {};
    return {inode, times_[dir.value].mtime_ns, times_[dir.value].ctime_ns};
  }
  std::size_t size_bytes() const { return times_.capacity() * sizeof(Times); }

 private:
  static constexpr std::int64_t kNone = INT64_MIN;
  struct Times {
    std::int64_t mtime_ns = kNone;
    std::int64_t ctime_ns = 0;
  };
  std::vector<Times> times_;  // By key; the keys are small and used again.
};

}  // namespace fustor::agent
