// What a listing proves against a tombstone of one of its names.

#include <algorithm>

#include "base/mutants.h"
#include "svc/fusion/core/arbiter.h"
#include "svc/fusion/core/arbiter_context.h"
#include "svc/fusion/core/evidence.h"

namespace fustor::fusion {
namespace {

// Of the clocks of file systems: FAT's mtime.
constexpr std::int64_t kCoarsestTickNs = 2'000'000'000;

// What is known of the directory was told after the deletion.
bool IsToldSince(std::int64_t known_confirmed_ns, const Tombstones::Stone& stone) {
  return known_confirmed_ns >= stone.wall_ns;
}

}  // namespace

// Whoever deletes something tells of the directory as it is then, too: its ctime says exactly what
// the estimate of the clock can only guess. A listing that shows the directory as it was then, or
// later, was made after the deletion.
bool Arbiter::Includes(const Listing& listing, const Tombstones::Stone& stone,
                       const Context& context) const {
  if (listing.known_confirmed_ns != INT64_MIN && listing.against_known < 0) return false;
  // The very words of who deleted it.
  if (IsToldSince(listing.known_confirmed_ns, stone) && listing.against_known > 0 &&
      listing.known_reporter == stone.laid.reporter) {
    return true;
  }
  // Within one tick of the clock, in the words of others, or of a directory that has since taken
  // the place of the one that was told of, it may have been before; but no cache shows that for
  // long.
  return context.scan->begun && !context.loose && context.settled_before_ns > stone.wall_ns;
}

// Rows of the listing that are not newer may be from before the deletion, which the estimate of the
// clock dates a little too early. What somebody has told of the directory since, and the listing
// shows likewise, dates it at the latest. A scan that began before the deletion was told is given
// that much; others only what one tick of the clock can hide: hosts hold what is of the same tick
// for what is there now.
std::int64_t Arbiter::DeletedUntil(const Listing& listing, const Tombstones::Stone& stone,
                                   const Context& context) {
  const std::int64_t deleted_ns = Tombstones::WatermarkFor(stone, listing.gathered);
  if (deleted_ns == INT64_MIN || Broken("ticks-tell-deletions-apart")) return deleted_ns;
  const std::int64_t tick_later_ns = SaturatingSub(deleted_ns, -kCoarsestTickNs);
  const bool began_before = context.protected_since_ns < stone.wall_ns;
  if (!IsToldSince(listing.known_confirmed_ns, stone) || listing.against_known != 0) {
    return began_before ? tick_later_ns : deleted_ns;
  }
  const std::int64_t told_ns = listing.block->self.ctime_ns;
  return began_before || told_ns <= tick_later_ns ? std::max(told_ns, deleted_ns) : deleted_ns;
}

// The listing shows the directory as it was before the deletion, and as it is not any more. The
// attributes of what it still names may be younger: a rename changes the ctime of what it moves.
// Where the scan began before the deletion was told, the directory as it is known is enough: the
// estimate of the clock may be off by far when little has been told yet.
bool Arbiter::Precedes(const Listing& listing, const Tombstones::Stone& stone,
                       std::int64_t deleted_ns, const Context& context) {
  const bool began_before = context.protected_since_ns < stone.wall_ns;
  return IsToldSince(listing.known_confirmed_ns, stone) && listing.against_known < 0 &&
         (began_before || listing.block->self.ctime_ns <= deleted_ns) &&
         !Broken("cached-looks-trusted");
}

}  // namespace fustor::fusion
