#include "sim/scenarios/mutants.h"

namespace fustor::sim {
namespace {

// That a row is stale when its reporter's own events have overtaken it (Arbiter::IsOutrun) is not
// here: agents that send listings leave out what they have told meanwhile of a directory itself
// or say that it is older (Bus::HideSelf), so nobody in this world can notice. It is for those that
// post rows, in any order; stories hold it (own_rows_follow_own_realtime,
// loose_rows_do_not_undo_what_is_newer).
constexpr Mutant kMutants[] = {
    {"tombstones-ignored", "what was deleted stays out against older rows"},
    {"rebirth-refused", "a row that is newer than the deletion brings the file back"},
    {"moves-lay-no-tombstone", "a moved name stays gone against older rows"},
    {"stale-evidence-taken", "what others have just confirmed is not undone by a scan"},
    {"cached-looks-trusted", "a cached look at a directory undoes nothing that is younger"},
    {"replaced-directories-trusted", "what was told of one directory is not judged by another one"},
    {"older-realtime-taken", "what is told late or from a cache undoes nothing younger"},
    {"late-moves-replace", "what has been told of a directory outlives its rename told late"},
    {"late-begins-believed", "a scan is as old as its begin, however late that arrives"},
    {"parent-rule-off", "an audit's unknown row is dropped when the directory is known as younger"},
    {"nothing-is-missing", "what a complete listing does not show is removed"},
    {"exempt-names-are-missing", "names that change during a listing are not missing in it"},
    {"audits-take-only-a-newer-mtime", "an audit takes what ctime or inode show to be changed"},
    {"hot-check-off", "what an audit finds and is hot is a suspect"},
    {"clock-is-the-wall", "hot and deleted are told by the file system's clock"},
    {"suspects-not-renewed", "a suspect whose mtime has changed stays one"},
    {"moves-lose-suspects", "suspects follow their files"},
    {"losses-forgotten", "lost events make uncertain"},
    {"batches-applied-twice", "a batch that is sent again is applied once"},
    {"listings-override-events", "a listing tells nothing of names that changed meanwhile"},
    {"listings-before-changes", "what was seen before a listing is sent before it"},
    {"overflow-not-told", "an agent that lost events tells so and looks again"},
};

}  // namespace

std::span<const Mutant> Mutants() { return kMutants; }

}  // namespace fustor::sim
