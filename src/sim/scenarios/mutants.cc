#include "sim/scenarios/mutants.h"

namespace fustor::sim {
namespace {

// That a row is stale when its reporter's own events have overtaken it (Arbiter::IsOutrun) is not
// here: agents that send listings leave out what they have told meanwhile of a directory itself
// or say that it is older (Bus::HideSelf), so nobody in this world can notice. It is for those that
// post rows, in any order; stories hold it (own_rows_follow_own_realtime,
// loose_rows_do_not_undo_what_is_newer).
constexpr Mutant kMutants[] = {
    {"tombstones-ignored", "what was deleted stays out against older rows", 33},
    {"ticks-tell-deletions-apart", "a row of the deletion's own tick does not undo it", 1227},
    {"rebirth-refused", "a row that is newer than the deletion brings the file back", 1},
    {"moves-lay-no-tombstone", "a moved name stays gone against older rows", 57},
    {"stale-evidence-taken", "what others have just confirmed is not undone by a scan", 2},
    {"cached-looks-trusted", "a cached look at a directory undoes nothing that is younger", 2},
    {"replaced-directories-trusted", "what was told of one directory is not judged by another one",
     485},
    {"older-realtime-taken", "what is told late or from a cache undoes nothing younger", 303},
    {"late-moves-replace", "what has been told of a directory outlives its rename told late", 1501},
    {"late-begins-believed", "a scan is as old as its begin, however late that arrives", 1710},
    {"parent-rule-off", "an audit's unknown row is dropped when the directory is known as younger",
     73},
    {"nothing-is-missing", "what a complete listing does not show is removed", 1},
    {"exempt-names-are-missing", "names that change during a listing are not missing in it", 6},
    {"audits-take-only-a-newer-mtime", "an audit takes what ctime or inode show to be changed", 1},
    {"hot-check-off", "what an audit finds and is hot is a suspect", 1},
    {"clock-is-the-wall", "hot and deleted are told by the file system's clock", 2},
    {"suspects-not-renewed", "a suspect whose mtime has changed stays one", 3},
    {"moves-lose-suspects", "suspects follow their files", 2},
    {"losses-forgotten", "lost events make uncertain", 2},
    {"batches-applied-twice", "a batch that is sent again is applied once", 2},
    {"listings-override-events", "a listing tells nothing of names that changed meanwhile", 51},
    {"listings-before-changes", "what was seen before a listing is sent before it", 79},
    {"overflow-not-told", "an agent that lost events tells so and looks again", 9},
};

}  // namespace

std::span<const Mutant> Mutants() { return kMutants; }

}  // namespace fustor::sim
