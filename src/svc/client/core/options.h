// options.h: what a person can ask the `fustor` program for, and the table that says how.
//
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/cli/command.h"
#include "svc/client/core/choice.h"

namespace fustor::client {

// Given to every command.
struct CommonOptions {
  std::optional<std::string> home = {};  // Else FUSTOR_HOME, else ~/.fustor.
  std::optional<std::string> url = {};   // Else FUSTOR_URL, else what HOME/connection.json says.
  std::optional<std::string> key =
      {};  // Else FUSTOR_KEY, else the one that belongs to that file's URL.
  std::optional<std::string> view = {};  // Only this one is asked; else the path tells which.
  bool json = false;
  bool wait = false;  // For what is not ready yet.
};

// `fustor up`: everything in one process. Carried out by the program, not by this service.
struct UpOptions {
  std::vector<std::string> dirs = {};           // Empty: the current directory.
  std::optional<std::string> listen = {};       // "HOST:PORT" of HTTP.
  std::optional<std::string> grpc_listen = {};  // "HOST:PORT" of gRPC.
  std::optional<std::uint64_t> scan_workers = {};
  bool one_file_system = false;
  bool quiet = false;  // No progress, no hints: for service managers.
};

struct LsOptions {
  std::vector<std::string> paths = {};
  bool detailed = false;
  bool all = false;
  bool human = false;
  bool directory = false;  // The directory itself instead of what is in it.
};

struct TreeOptions {
  std::vector<std::string> paths = {};
  std::optional<std::uint64_t> depth_max = {};
  bool directories_only = false;
  bool all = false;
  bool ascii = false;
  bool sizes = false;
};

struct DuOptions {
  std::vector<std::string> paths = {};
  bool human = false;
  bool bytes = false;
  bool apparent = false;
  bool summarize = false;
  bool all = false;   // Not only directories.
  bool zero = false;  // NUL after each line.
  std::optional<std::uint64_t> depth_max = {};
};

struct StatOptions {
  std::vector<std::string> paths = {};
};

struct WatchOptions {
  std::vector<std::string> paths = {};
  std::optional<std::string> since = {};
};

struct SearchOptions {
  std::string text = {};
  std::optional<std::string> under = {};
  std::optional<std::uint64_t> limit = {};
  bool substring = false;   // The text as it is, whatever characters it has.
  bool everything = false;  // Directories too.
  bool zero = false;        // NUL after each path.
  std::optional<std::string> sort = {};
  ChoiceOptions choice = {};
};

struct ExportOptions {
  std::string path = ".";
  std::string format = {};  // Empty: by the end of `output`, else "ndjson".
  std::optional<std::string> columns = {};
  std::optional<std::string> output = {};  // A file. Else: standard output.
  std::optional<std::string> pattern = {};
  bool spreadsheet = false;
  ChoiceOptions choice = {};
};

struct DiffOptions {
  std::string path = ".";
  std::optional<std::string> with = {};           // Another view,
  std::optional<std::string> from = {}, to = {};  // or another time.
  std::optional<std::string> aspects = {};
  bool expand = false;
  bool human = false;
  bool summarize = false;
};

struct TopOptions {
  std::vector<std::string> paths = {};
  std::optional<std::uint64_t> count = {};
  std::string by = "size";   // Or "files", "mtime".
  bool directories = false;  // Neither: both.
  bool files = false;
  bool own = false;  // Directories without what is in their subdirectories.
  bool human = false;
  bool zero = false;  // NUL after each line.
  ChoiceOptions choice = {};
};

struct GroupsOptions {
  std::vector<std::string> paths = {};
  std::string by = "ext";
  std::string age_of = "mtime";
  std::optional<std::string> sort = {};
  std::optional<std::uint64_t> count = {};
  bool human = false;
  ChoiceOptions choice = {};
};

struct DuplicatesOptions {
  std::vector<std::string> paths = {};
  std::string by = "size,name";
  std::optional<std::uint64_t> count = {};
  std::optional<std::uint64_t> files = {};
  bool zero = false;  // NUL after each path, two after each group.
  ChoiceOptions choice = {};
};

struct SessionsOptions {
  std::vector<std::string> views = {};  // Empty: all.
};

struct ScanOptions {
  std::vector<std::string> paths = {};
  bool recursive = false;
};

struct JobsOptions {
  std::vector<std::string> views = {};  // Empty: all.
};

// `fustor config check`: carried out by the program.
struct ConfigOptions {
  std::string action = {};
  std::vector<std::string> paths = {};
  std::string kind = {};  // "agent" or "fusion"; empty: what it looks like.
};

// `fustor completion`: carried out by the program.
struct CompletionOptions {
  std::string shell = {};
};

// `fustor help`: carried out by whoever reads the command line.
struct HelpOptions {
  std::string subject = {};
};

struct Options {
  CommonOptions common;
  UpOptions up;
  LsOptions ls;
  TreeOptions tree;
  DuOptions du;
  StatOptions stat;
  SearchOptions search;
  ExportOptions export_;
  DiffOptions diff;
  TopOptions top;
  GroupsOptions groups;
  DuplicatesOptions duplicates;
  SessionsOptions sessions;
  ScanOptions scan;
  JobsOptions jobs;
  ConfigOptions config;
  CompletionOptions completion;
  HelpOptions help;
  WatchOptions watch;
  std::vector<std::string> find = {};  // Raw: find_expression.h understands it.
};

// Commands about many entries at once (options_many.cc).
cli::Command SearchCommand(SearchOptions* options);
cli::Command TopCommand(TopOptions* options);
cli::Command GroupsCommand(GroupsOptions* options);
cli::Command DuplicatesCommand(DuplicatesOptions* options);
cli::Command ExportCommand(ExportOptions* options);
cli::Command DiffCommand(DiffOptions* options);

// The table of all commands; its targets are in `*options`, which must outlive it. `up`, `config`,
// `completion` and `help` are among them, which only a program carries out.
cli::Program CommandTable(Options* options, std::string version);

}  // namespace fustor::client
