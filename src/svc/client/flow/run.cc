#include "svc/client/flow/run.h"

#include "svc/client/flow/job.h"

namespace fustor::client {
namespace {

// The options of every command, which find takes among its own words.
CommonOptions WithFindOptions(CommonOptions common, const FindRequest& request) {
  if (request.home) common.home = request.home;
  if (request.url) common.url = request.url;
  if (request.key) common.key = request.key;
  common.json = common.json || request.json;
  common.wait = common.wait || request.wait;
  return common;
}

void RunCommand(std::string_view command, const Options& options, Job& job) {
  if (command == "status") return ShowStatus(job);
  if (command == "views") return ShowViews(job);
  if (command == "sessions") return ShowSessions(job, options.sessions);
  if (command == "scan") return StartScans(job, options.scan);
  if (command == "jobs") return ShowJobs(job, options.jobs);
  if (command == "top") return ShowTop(job, options.top);
  if (command == "groups") return ShowGroups(job, options.groups);
  if (command == "duplicates") return ShowDuplicates(job, options.duplicates);
  if (command == "ls") return ShowList(job, options.ls);
  if (command == "tree") return ShowTree(job, options.tree);
  if (command == "du") return ShowUsage(job, options.du);
  if (command == "watch") return WatchChanges(job, options.watch);
  if (command == "stat") return ShowEntries(job, options.stat);
  if (command == "export") return ExportView(job, options.export_);
  if (command == "diff") return ShowDifferences(job, options.diff);
  FUSTOR_CHECK(command == "search", "no such command");
  ShowMatches(job, options.search);
}

}  // namespace

int Run(std::string_view command, const Options& options, const Ports& ports) {
  Output out(ports.terminal);
  CommonOptions common = options.common;
  FindRequest request;
  if (command == "find") {
    Result<FindRequest> parsed = ParseFind(options.find, ports.host.Now(), ports.host);
    if (!parsed.ok()) {
      out.Complain("find: " + parsed.status().message() + "\nTry 'fustor find --help'.");
      return cli::kExitUsage;
    }
    request = *std::move(parsed);
    common = WithFindOptions(std::move(common), request);
    request.json = common.json;
  }
  Lookup lookup(common, ports, out);
  Job job{common, ports, out, lookup};
  if (command == "find") {
    ShowFound(job, request);
  } else {
    RunCommand(command, options, job);
  }
  const Status finished = out.Finish();
  if (!finished.ok()) {
    job.Fail(Status(finished.code(), "cannot write: " + HarmlessText(finished.message())));
  }
  return job.exit_code;
}

}  // namespace fustor::client
