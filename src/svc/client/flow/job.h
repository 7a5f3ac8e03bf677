// job.h: one run of one command: what it was told, whom it asks, where it prints, how it went.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "svc/client/core/options.h"
#include "svc/client/flow/lookup.h"
#include "svc/client/flow/output.h"
#include "svc/client/ports.h"

namespace fustor::client {

struct Job {
  const CommonOptions& common;
  const Ports& ports;
  Output& out;
  Lookup& lookup;
  int exit_code = 0;

  // Says it and remembers the exit code; OK says nothing. The command may go on.
  void Fail(const Status& status);
};

// What a command is about: the working directory if no path was given.
std::vector<std::string> PathsOrHere(const std::vector<std::string>& paths);

// Calls show(path) -> Status for each of them, as long as somebody reads the output. What fails is
// said; the others are shown all the same.
template <class Show>
void ForEachPath(Job& job, const std::vector<std::string>& paths, const Show& show) {
  for (const std::string& path : PathsOrHere(paths)) {
    if (!job.out.open()) return;
    job.Fail(show(path));
  }
}

// The place of a path at which the view has an entry; an error when it has none.
Result<Place> LocateKnown(Job& job, const std::string& typed);

// A member of an answer; 0 when it is missing or no such number, or if there is no object.
std::uint64_t UintOf(const json::Value* object, std::string_view name);

// The path of an entry that was found at or below `place`, beginning as the user typed it.
std::string PathAsTyped(const Place& place, std::string_view typed, std::string_view view_path);

// Local time of a file's time stamp.
std::string TimeText(const Host& host, std::int64_t ns);
std::string FullTimeText(const Host& host, std::int64_t ns, std::size_t digits);

// Appends an entry as one line of JSON: as Fusion answered it, but with name and path as they are
// in the file system of this machine (path_b64 beside them when they are not UTF-8), and with view
// and view_path. Without children.
void AppendEntryJson(const Place& place, const Node& node, const json::Value& answer,
                     std::string* out);

// Which entries the options choose. nullopt: an option cannot be read; that has been said, and the
// run ends as one of wrong usage.
std::optional<ChoiceParameters> ChoiceOf(Job& job, std::string_view command,
                                         const ChoiceOptions& options);

// The commands.
void ShowStatus(Job& job);
void ShowViews(Job& job);
void ShowSessions(Job& job, const SessionsOptions& options);
void StartScans(Job& job, const ScanOptions& options);
void ShowJobs(Job& job, const JobsOptions& options);
void ShowTop(Job& job, const TopOptions& options);
void ShowGroups(Job& job, const GroupsOptions& options);
void ShowDuplicates(Job& job, const DuplicatesOptions& options);
void ShowList(Job& job, const LsOptions& options);
void ShowTree(Job& job, const TreeOptions& options);
void ShowUsage(Job& job, const DuOptions& options);
void ShowEntries(Job& job, const StatOptions& options);
void ShowFound(Job& job, const FindRequest& request);
void WatchChanges(Job& job, const WatchOptions& options);
void ShowDifferences(Job& job, const DiffOptions& options);
void ExportView(Job& job, const ExportOptions& options);
void ShowMatches(Job& job, const SearchOptions& options);

}  // namespace fustor::client
