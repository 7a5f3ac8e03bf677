// observer.h: what one source's tree looks like, out of events, listings and stats.
//
// Pure: a state machine without clock, threads or I/O; one owner. The flow feeds it what the file
// system says and carries out what it asks for; what is to be reported goes to the buses of its
// subscribers (pipes that read this source). What happens is seen once and told to all of them
// through the ring that their buses share; each one has scans, audits, jobs and a memory of what it
// has been told of its own, since each has a session and a role of its own. A directory that two
// scans want at the same time is listed once, for both. One whose bus is full or closed holds up
// nobody else. The rules:
//  - Watch, then list, then trust: a directory's listing never overrides an event that came after
//  the
//    listing began (names touched meanwhile are left out of it and declared exempt).
//  - Directories are numbers (DirTable); a renamed directory keeps its number, so nothing that is
//    under way for it is lost. A stat or listing that met another inode at that path is asked
//    again.
//  - An entry that is not there when it is looked at is not reported as deleted at once: the event
//    that explains it (a deletion, a rename) is still on its way. Only when none has come after
//    kVanishedPatience is the deletion reported.
//  - A directory that is seen at a new place while it is known at another one is waited for in the
//  same
//    way: the rename that explains it must keep its number, and its watch.
//  - With too few watches those keep theirs that have changed last (WatchBudget); what has none is
//    seen by scans only.
//  - A directory that appears is watched and listed, and its rows are realtime evidence. So is one
//    that the scan of another subscriber has found before its event was read.
//  - An audit does not read a directory that is as it was when it was last read (listed_times.h):
//  its
//    files are taken to be the same. Writes in place do not show in a directory's times; so every
//    audit reads another part of all directories whatever their times (Options::full_every).
//  - Two halves of a rename are paired by cookie; a half that stays alone for kRenamePatience is a
//    deletion or a creation.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/time.h"
#include "env/tree_types.h"
#include "svc/agent/core/bus.h"
#include "svc/agent/core/dir_table.h"
#include "svc/agent/core/listed_times.h"
#include "svc/agent/core/selection.h"
#include "svc/agent/core/watch_budget.h"

namespace fustor::agent {

class Observer {
 public:
  static constexpr Nanos kRenamePatience = Millis(200);
  static constexpr Nanos kVanishedPatience = Seconds(2);
  static constexpr Nanos kRetryAfter = Millis(20);
  // A stat that failed for a passing reason (EIO, ESTALE) is tried again this often, each time
  // after four times as long: for nearly two minutes.
  static constexpr int kStatRetriesMax = 6;
  static constexpr std::size_t kJobsMax = 64;
  // A watch that was given up for one directory may be taken by another that is being listed.
  static constexpr int kWatchRetriesMax = 8;

  struct Options {
    Nanos throttle = Seconds(1);  // A file that is being written is reported at most this often.
    std::size_t lists_in_flight_max = 64;
    std::size_t stats_in_flight_max = 4'096;
    // Each directory is read, and its files are looked at, in at least one of so many audits in a
    // row; 1: in every one.
    std::uint32_t full_every = 8;
    Selection selection;  // What it leaves out is never looked into and never reported.
  };

  struct Counters {
    std::uint64_t events = 0;
    std::uint64_t directories_listed = 0;
    std::uint64_t directories_silent = 0;  // Unchanged, and passed by, in audits.
    std::uint64_t entries_listed = 0;
    std::uint64_t directories_failed = 0;
    std::uint64_t stats_failed = 0;  // Given up: the change is seen by the next scan only.
    std::uint64_t overflows = 0;
    std::uint64_t audits = 0;          // Begun.
    std::uint64_t audits_stopped = 0;  // Given up for what was found at the root.
    std::uint64_t unwatched = 0;       // Directories listed that could not be watched.
    std::uint64_t jobs = 0;            // On-demand scans, ended.
    std::uint64_t jobs_failed = 0;     // Of them, with an error.
    std::uint64_t displaced = 0;       // Watches given up for directories that changed later.
  };

  using SubscriberId = std::uint32_t;
  static constexpr SubscriberId kFirst = 1;

  // For subscribers that share `ring`, which must outlive the observer.
  Observer(Options options, Ring& ring) : options_(options), ring_(ring) {}
  // For one, which is kFirst; `bus` must outlive the observer.
  Observer(Options options, Bus& bus) : Observer(options, bus.ring()) { Subscribe(bus); }

  // `bus` must use the observer's ring, and live until Unsubscribe or longer than the observer.
  SubscriberId Subscribe(Bus& bus);
  void Unsubscribe(SubscriberId id);
  // Its scans and jobs are given up, without a word, until it starts another one: its session is
  // over.
  void Pause(SubscriberId id);

  // Starts (again) a scan of the whole tree. What was pending of an older one is folded into it.
  // Lost events start another one of the same kind.
  void StartScan(SubscriberId id = kFirst) { BeginScan(id, Scan::kSnapshot); }
  // The same, but its listings are not reported: everything is watched, and only changes are.
  void StartWatching(SubscriberId id = kFirst) { BeginScan(id, Scan::kWatching); }
  // Looks at everything once more, in case that something has changed without an event. False: a
  // scan is going on already, or has not been sent yet. The audit is given up, and nothing is
  // concluded from it, when the root cannot be read, is on another file system than before, or is
  // empty although directories are known below it: a file system that is not mounted deletes
  // nothing.
  bool StartAudit(SubscriberId id = kFirst);
  bool scanning(SubscriberId id) const { return subscribers_.at(id).scan_id != 0; }
  bool scanning() const;  // Somebody's.

  // An on-demand scan: lists the directory at `path`, or the directory of the file there, with all
  // that is below it or without, and reports what it sees as the job `job_id`, whatever else is
  // going on. Directories that are not known yet are looked for on the way. Jobs are done one after
  // the other; more than kJobsMax, and what cannot be looked at (outside, excluded, not there, not
  // readable, or a root that StartAudit would not trust), end with an error that is reported. A job
  // that is known already is not begun again.
  void StartJob(std::string job_id, std::string path, bool recursive, SubscriberId id = kFirst);
  std::size_t job_count() const;

  void OnEvents(std::vector<env::TreeEvent> events, Instant now);
  void OnListed(std::vector<env::ListedDir> listed, Instant now);
  void OnStatted(std::vector<env::StattedEntry> statted, Instant now);
  // Look at the entry again, and report it as one that may still change, or that it is gone. What
  // is not known by its directory is ignored.
  void LookAgain(std::string_view path, Instant now);
  // The directory at a view path.
  std::optional<DirKey> FindDirectory(std::string_view path) const;
  // Time-outs: halves of renames, retries. Also after OnEvents and OnStatted.
  void Tick(Instant now);

  // What to ask of the tree next; what is returned counts as in flight until its answer comes.
  std::vector<env::ListRequest> TakeLists();
  std::vector<env::StatRequest> TakeStats(Instant now);
  std::vector<DirKey> TakeUnwatched() { return std::exchange(unwatch_, {}); }
  // When Tick or TakeStats will have something to do; nullopt: only when something else happens.
  std::optional<Instant> NextDue() const;

  const DirTable& dirs() const { return dirs_; }
  std::size_t watched() const { return watch_budget_.watched(); }
  const Counters& counters() const { return counters_; }
  std::size_t lists_in_flight() const { return listing_.size(); }

 private:
  struct EntryKey {
    DirKey dir;
    std::string name;  // Empty: the root itself.
    friend bool operator==(const EntryKey&, const EntryKey&) = default;
  };
  struct EntryHash {
    std::size_t operator()(const EntryKey& key) const {
      return std::hash<std::string>()(key.name) ^ std::hash<DirKey>()(key.dir);
    }
  };
  struct Pending {
    bool atomic = true;
    bool in_flight = false;
    bool again = false;    // Something happened while the stat was in flight.
    bool discard = false;  // What is in flight is about something that is gone.
    std::int8_t failures = 0;
    Instant due;
    std::size_t asked_at = 0;  // Hash of the directory's path then.
    std::optional<Instant> missing_since;
  };
  struct Held {
    EntryKey from;
    bool is_directory = false;
    Instant until;
  };
  // Whom listings are for: scans and jobs by their ids, 0 is everybody.
  using ScanIds = std::vector<std::uint64_t>;
  static constexpr std::uint64_t kEverybody = 0;
  struct Listing {
    std::string path;
    ScanIds wanted_by;  // One, or scans that go together.
    std::vector<std::string> touched;
    bool fresh_self = false;     // A stat of it came while it was in flight.
    ScanIds again;               // Who wants it once more, since it was in flight.
    std::int64_t newest_ns = 0;  // newest_ns_ when it was asked for.
  };

  // An on-demand scan.
  struct Job {
    std::string id;
    std::string path;
    bool recursive = false;
    std::uint64_t scan_id = 0;  // 0: waits.
    // The directory that is listed to find the next one on the way to `path`; 0: there is none.
    DirKey way;
    std::string step;             // The name that is looked for in it.
    DirKey found;                 // That directory, when nobody knew it; 0: somebody did.
    DirKey target;                // The directory that was asked for, once it is found.
    std::vector<DirKey> to_list;  // A stack.
    std::size_t in_flight = 0;
    int attempts = 0;
    bool found_file = false;
    std::string error;
  };

  enum class Scan : std::uint8_t { kSnapshot, kAudit, kWatching };
  struct Subscriber {
    explicit Subscriber(Bus* b) : bus(b) {}
    bool reported() const { return scan != Scan::kWatching; }
    bool audits() const { return scan_id != 0 && scan == Scan::kAudit; }
    bool WasTold(DirKey dir) const { return dir.value < told.size() && told[dir.value]; }
    void SetTold(DirKey dir, bool is) {
      if (dir.value >= told.size()) told.resize(dir.value + 1);
      told[dir.value] = is;
    }

    Bus* bus;
    bool active = false;                // Between a Start and a Pause.
    Scan kind = Scan::kSnapshot;        // What lost events start.
    Scan scan = Scan::kSnapshot;        // The scan that began last.
    std::uint64_t scan_id = 0;          // Of the scan that is going on; 0: none.
    std::uint64_t scan_open = 0;        // Listings of it that are queued or in flight.
    std::vector<DirKey> to_list;        // A stack: depth first.
    std::unordered_set<DirKey> queued;  // What of to_list is still wanted.
    // Of what its Fusion has been told in this session.
    ListedTimes times;
    std::vector<bool> told;              // By key: directories that have been listed for it.
    std::uint64_t audit_turn = 0;        // Counts audits that came to their end.
    std::deque<Job> jobs;                // The first one is being done.
    std::deque<std::string> jobs_ended;  // Ids, the last ones.
  };
  using Requests = std::vector<env::ListRequest>;
  void BeginScan(SubscriberId id, Scan scan);
  // Whose scan is going on by this id; nullptr: nobody's.
  Subscriber* ScanOf(std::uint64_t scan_id);
  const Subscriber* ScanOf(std::uint64_t scan_id) const {
    return const_cast<Observer*>(this)->ScanOf(scan_id);
  }
  // What a scan still wants to list is not wanted any more.
  void DropQueue(Subscriber* subscriber, std::uint64_t scan_id);
  bool IsRootInMotion() const;
  // A listing of the root. True: it was that of an audit, which is given up for what it shows.
  bool StopsAudit(const env::ListedDir& root, std::uint64_t scan_id);
  void OnEvent(env::TreeEvent& event, Instant now);
  // False: nothing of it is to be reported. A rename may become its other half.
  bool Select(env::TreeEvent* event, Instant now);
  bool LeavesOut(DirKey dir, std::string_view name, bool is_directory) const;
  void OnModified(EntryKey key, Instant now);
  void OnMoved(const env::TreeEvent& event, Instant now);
  void OnRemoved(DirKey dir, const std::string& name, Instant now);
  void OnOverflow();
  void ReleaseHeld(DirKey dir, std::string_view name, Instant now);
  void Want(EntryKey key, std::optional<bool> atomic, Instant due);
  void Cancel(const EntryKey& key);
  void Schedule(const EntryKey& key, Pending& pending, Instant due);
  void WantDirectory(DirKey dir, Instant now);
  void WantUnlisted(DirKey dir, Instant now);
  void Touch(DirKey dir, const std::string& name);
  void AnnounceFound(DirKey dir, std::string_view name);
  // What is in the directory has not been told to somebody who looks for nothing there any more.
  bool IsUntold(DirKey dir) const;
  bool WillBeTold(const Subscriber& subscriber, DirKey dir) const;
  void Forget(DirKey dir);  // Takes the subtree out of everything.
  void PushList(DirKey dir, std::uint64_t scan_id);
  void PushListForAll(DirKey dir);
  bool IsCovered(DirKey dir) const;
  // It is in flight, and one more wants it.
  void WantAgain(Listing* listing, std::uint64_t scan_id, bool audit);
  EntryKey EntryOf(DirKey dir) const;
  bool IsBeingLookedAt(DirKey dir) const;
  bool IsElsewhere(DirKey dir, std::string_view name, const EntryAttrs& attrs) const;
  void WatchAgain(const env::ListedDir& listed);
  // Notes whether it is watched. True: another one has given up its watch, and this one is to be
  // listed again, with it.
  bool TakesWatch(const env::ListedDir& listed);
  // Directories that the listing shows no more; `exempt` (sorted) are those it says nothing about.
  void ForgetMissing(const env::ListedDir& listed, const std::vector<std::string>& exempt);
  // For one of those that wanted it, `first` for the first of them. False: it is listed again for
  // all of them.
  bool FinishListing(env::ListedDir& listed, Listing listing, std::uint64_t scan_id, bool first,
                     Instant now);
  void TakeIn(env::ListedDir& listed, Listing listing, std::uint64_t scan_id, Instant now);
  void SetTold(DirKey dir, std::uint64_t scan_id);
  // observer_audit.cc
  env::ListRequest::Known KnownOf(DirKey dir, const Subscriber& subscriber) const;
  void FinishSilent(const env::ListedDir& listed, const Listing& listing, std::uint64_t scan_id,
                    Instant now);
  void NoteTimes(const env::ListedDir& listed, const Listing& listing, std::uint64_t scan_id);
  void ForgetTimes(DirKey dir);  // Everybody's next audit looks.
  // Takes out the rows that are not to be reported, and those that something else tells about.
  void LeaveOut(env::ListedDir& listed) const;
  void SetAside(env::ListedDir& listed, Listing& listing, Instant now);
  void ReconcileChildren(const env::ListedDir& listed, std::uint64_t scan_id);
  void CloseListing(std::uint64_t scan_id);
  void OnStattedOne(env::StattedEntry& statted, Instant now);
  void Report(const EntryKey& key, env::StattedEntry& statted, bool atomic, Instant now);
  // A listing: of a job, of a scan, or (0) of a directory that has appeared.
  void Report(DirKey dir, std::uint64_t scan_id, batch::DirBlock block);
  void RefreshSelf(DirKey dir, const EntryAttrs& attrs);
  void Vanished(const EntryKey& key, Instant now);
  void MaybeEndScan();

  // observer_jobs.cc
  // The one that is being done by this id; nullptr: none. Of whom, too, when that is asked for.
  Job* JobOf(std::uint64_t scan_id, Subscriber** whose = nullptr);
  void BeginJob(Subscriber* subscriber);
  // Finds what is to be listed next for the job.
  void Advance(Job* job);
  void LookInto(DirKey found);
  void EndJob(Subscriber* subscriber, std::string error);
  // True: there is something new to list.
  bool MaybeEndJob(Subscriber* subscriber);
  void TakeJobLists(Subscriber* subscriber, Requests* requests);
  void TakeListsOf(Subscriber* subscriber, Requests* requests);
  // True: `scan_id` is a job's, and its listing of `dir` waits if the job is to list it.
  bool PushJobList(DirKey dir, std::uint64_t scan_id);
  // Once more, for whom it was listed.
  void ListAgain(DirKey dir, std::uint64_t scan_id);
  // What a listing means to its job. True: there is nothing in it to report.
  bool StopsJobListing(Job* job, const env::ListedDir& listed, const Listing& listing, Instant now);
  void NoteStep(Job* job, const env::ListedDir& listed);
  // Directories that only this listing has shown are looked into as ones that have just appeared.
  void ListNewChildren(Job* job, const env::ListedDir& listed);
  Listing& RequestListing(DirKey dir, std::uint64_t scan_id, Requests* requests);
  void TakeListsForAll(Requests* requests);
  // The next directory of a scan. False: there is none, or its bus is full.
  bool TakeNextOfScan(Subscriber* subscriber, Requests* requests);
  // Other scans that want the same directory, and would ask for it alike.
  void Share(Subscriber* with, DirKey dir, const env::ListRequest& request, Listing* listing);
  bool AllAreFull() const;

  const Options options_;
  Ring& ring_;
  std::map<SubscriberId, Subscriber> subscribers_;
  SubscriberId last_subscriber_ = 0;
  DirTable dirs_;
  Counters counters_;

  std::uint64_t last_scan_id_ = 0;
  // Directories that have appeared, to be listed for everybody.
  std::vector<DirKey> to_list_;                  // A stack.
  std::unordered_set<DirKey> appeared_;          // What of it is still wanted.
  std::unordered_map<DirKey, Listing> listing_;  // In flight.
  // Not found or not readable when they were to be listed: tried again when something is seen of
  // them. How often they were not found: a network file system may show the entry and not the
  // directory for as long as its caches live.
  std::unordered_map<DirKey, int> unlisted_;
  // New directories that the last audits have found. If their events come only now, what is in them
  // is announced all the same.
  std::unordered_set<DirKey> found_ahead_;
  std::uint64_t root_device_ = 0;       // 0: not known yet.
  std::int64_t newest_ns_ = INT64_MIN;  // The newest ctime seen.

  std::unordered_map<EntryKey, Pending, EntryHash> pending_;
  std::multimap<Instant, EntryKey> due_;
  std::size_t stats_in_flight_ = 0;
  std::map<std::uint32_t, Held> held_;                        // By cookie.
  std::unordered_map<EntryKey, Instant, EntryHash> writing_;  // Modified, not yet closed.
  std::vector<DirKey> unwatch_;
  WatchBudget watch_budget_;
  // Listed again for a watch that was given up for them, and how often already.
  std::unordered_map<DirKey, int> taking_watch_;
};

}  // namespace fustor::agent
