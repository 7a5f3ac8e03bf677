#include "svc/client/core/options.h"

#include "svc/client/core/find_expression.h"
#include "svc/client/core/topics.h"

namespace fustor::client {
namespace {

constexpr const char* kStarting = "Starting";
constexpr const char* kLooking = "Looking";
constexpr const char* kFinding = "Finding";

cli::Command Up(UpOptions* o) {
  cli::Command c;
  c.name = "up";
  c.group = kStarting;
  c.summary = "watch directories and answer questions about them";
  c.description =
      "Starts agent and Fusion in one process: scans each directory once, then keeps up with every "
      "change. Each directory becomes a view. Prints the address and what to try; ends on Ctrl-C "
      "or SIGTERM. Without root, changes are watched through inotify, which has a limit on "
      "directories; what cannot be watched is said. Files are never opened and never changed.";
  c.arguments = {{"DIR", "What to watch. Default: the current directory.", &o->dirs}};
  c.options = {
      {"--listen", "HOST:PORT",
       "Where to answer HTTP. Default: 127.0.0.1:8101, or a free port when that is taken.",
       &o->listen},
      {"--grpc-listen", "HOST:PORT",
       "Where other agents may connect. Default: the host of --listen, port 8103 or a free one.",
       &o->grpc_listen},
      {"--scan-workers", "N", "Threads of the first scan. Default: one per core.",
       &o->scan_workers},
      {"-x,--one-file-system", "", "Do not enter other file systems mounted below.",
       &o->one_file_system},
      {"-q,--quiet", "", "No progress and no hints; logs only.", &o->quiet},
  };
  c.examples = {
      {"fustor up /data", "watch /data; then, in another terminal: fustor du -h -d 1 /data"},
      {"fustor up /data /home --listen 0.0.0.0:8101",
       "two views, answered to the whole network (the key is in ~/.fustor/connection.json)"},
  };
  return c;
}

cli::Command Status() {
  cli::Command c;
  c.name = "status";
  c.group = kLooking;
  c.summary = "what is running, what it watches, how far it can be trusted";
  c.description =
      "Shows the Fusion that answers, each view with its entries and bytes, whether it is ready "
      "and if not why, and the agents that report to it. Exit code 3 when a view is not ready. "
      "With "
      "--json one document: {url, health, views, sessions: {VIEW: [...]}}, as Fusion answered.";
  c.examples = {{"fustor status", "the state of everything on this machine"},
                {"fustor status --wait", "come back when everything is ready"}};
  return c;
}

cli::Command Ls(LsOptions* o) {
  cli::Command c;
  c.name = "ls";
  c.group = kLooking;
  c.summary = "list a directory";
  c.description =
      "Lists a directory as Fusion knows it, without touching the file system. Names come in "
      "byte order. Names that begin with a dot are left out unless -a is given. A '?' behind a "
      "name in the long form means that the entry is not yet known to be stable.";
  c.arguments = {{"PATH", "What to list. Default: the current directory.", &o->paths}};
  c.options = {
      {"-l,--long", "", "Mode, links, owner, group, size, time.", &o->detailed},
      {"-a,--all", "", "Names that begin with a dot, too.", &o->all},
      {"-h,--human-readable", "", "Sizes like 1.2G.", &o->human},
      {"-d,--directory", "", "The directory itself, not what is in it.", &o->directory},
  };
  c.examples = {{"fustor ls -lh /data", "who owns what, how big, since when"},
                {"fustor ls --json /data | jq -r .name", "one JSON object per entry"}};
  return c;
}

cli::Command Tree(TreeOptions* o) {
  cli::Command c;
  c.name = "tree";
  c.group = kLooking;
  c.summary = "draw a directory as a tree";
  c.description =
      "Draws what is below a directory and counts it. Everything comes from memory: -L limits "
      "what is printed, the totals of each directory are known anyway.";
  c.arguments = {{"PATH", "Where to begin. Default: the current directory.", &o->paths}};
  c.options = {
      {"-L,--max-depth", "N", "Only N levels.", &o->depth_max},
      {"-d,--directories", "", "Directories only.", &o->directories_only},
      {"-a,--all", "", "Names that begin with a dot, too.", &o->all},
      {"-s,--sizes", "", "What each entry takes, directories with all below them.", &o->sizes},
      {"--ascii", "", "Plain lines instead of box characters.", &o->ascii},
  };
  c.examples = {{"fustor tree -L 2 /data", "the first two levels"},
                {"fustor tree -sd -L 1 /data", "which directory takes the space"}};
  return c;
}

cli::Command Du(DuOptions* o) {
  cli::Command c;
  c.name = "du";
  c.group = kLooking;
  c.summary = "how much space directories use";
  c.description =
      "Prints what is allocated below each directory, as du does, in units of 1024 bytes. The sums "
      "are kept as changes arrive, so even the largest directory is answered at once. Hard links "
      "are counted once per directory that is printed.";
  c.arguments = {{"PATH", "What to sum up. Default: the current directory.", &o->paths}};
  c.options = {
      {"-h,--human-readable", "", "Sizes like 1.2G.", &o->human},
      {"-b,--bytes", "", "Apparent sizes in bytes: --apparent-size in units of 1.", &o->bytes},
      {"--apparent-size", "",
       "Lengths of files instead of what is allocated; directories have none.", &o->apparent},
      {"-s,--summarize", "", "One line per PATH: as -d 0.", &o->summarize},
      {"-d,--max-depth", "N", "Print directories down to N levels. Default: all.", &o->depth_max},
      {"-a,--all", "", "Files too, not only directories.", &o->all},
      {"-0,--null", "", "A NUL instead of a line feed after each line.", &o->zero},
  };
  c.examples = {{"fustor du -h -d 1 /data", "what takes the space"},
                {"fustor du -d 1 /data | sort -n | tail", "the largest last"}};
  return c;
}

cli::Command Find(std::vector<std::string>* raw) {
  cli::Command c;
  c.name = "find";
  c.group = kFinding;
  c.summary = "find(1) without the walk";
  c.description =
      "Prints the paths of entries that match, in the syntax of find(1). The tree is in memory: "
      "nothing is read from disk. Paths come in byte order, a directory before what is in it.";
  c.usage = "fustor find [PATH]... [EXPRESSION]";
  c.details =
      "Tests (numbers: N exactly, +N more, -N less):\n"
      "  -name GLOB, -iname GLOB    the name (-iname: upper case as lower case)\n"
      "  -path GLOB, -ipath GLOB    the path as printed; also -wholename, -iwholename\n"
      "  -regex RE, -iregex RE      the whole path as printed; -regextype TYPE before it:\n"
      "                             emacs (default), findutils-default, posix-basic, sed,\n"
      "                             posix-extended\n"
      "  -lname GLOB, -ilname GLOB  what a link points to\n"
      "  -type f|d|l|p|s|b|c        file, directory, symbolic link, ...; also f,l\n"
      "  -size N[cwbkMG]            rounded up to units; b (512 bytes) when none is given\n"
      "  -empty                     file without content, directory without entries\n"
      "  -mtime N, -mmin N          last change of content in days, minutes ago\n"
      "  -ctime N, -cmin N          last change of the inode\n"
      "  -atime N, -amin N          last access, as far as the file system notes it\n"
      "  -newer FILE, -anewer, -cnewer, -newerXY (X of the entry, Y of FILE: a, c, m)\n"
      "  -newermt DATE              since 2026-11-21, '2026-11-21 14:03', yesterday,\n"
      "                             '3 days ago', @1700000000; also -newerat, -newerct\n"
      "  -user NAME, -group NAME    by name or number; -nouser, -nogroup: without a name\n"
      "  -uid N, -gid N, -links N, -inum N\n"
      "  -perm MODE|-MODE|/MODE     exactly, all of these bits, any of them; 644 or u=rw,go=r\n"
      "Two dashes do as well: --name '*.c' --maxdepth=2.\n"
      "Together, the strongest first:\n"
      "  ( EXPR )  ! EXPR  -not EXPR  EXPR -a EXPR  EXPR -o EXPR  EXPR , EXPR  -true  -false\n"
      "Limits:\n"
      "  -maxdepth N, -mindepth N   levels below PATH\n"
      "  -limit N                   stop after N entries (ours)\n"
      "Actions (-print when there is none but -prune or -quit):\n"
      "  -print, -print0            a line feed or a NUL after each path\n"
      "  -printf FORMAT             %p %f %h %P %H %s %m %M %u %g %U %G %y %i %n %l %d %k %b,\n"
      "                             %t %a %c, %TX %AX %CX with X as in strftime(3), @ or +;\n"
      "                             %10f %-8s %.3f %#m; \\n \\t \\0 \\101 \\c\n"
      "  -ls                        as ls -dils\n"
      "  -prune, -quit              do not go below this entry; stop\n"
      "  --json                     one JSON object per line in place of -print (ours)\n";
  c.raw = raw;
  for (const std::string_view word : FindWords()) c.raw_words.emplace_back(word);
  c.examples = {{"fustor find /data -name '*.tmp' -size +1G -mtime +30", "large, old leftovers"},
                {"fustor find . -type f -print0 | xargs -0 md5sum", "safe for any name"},
                {"fustor find . -name .git -prune -o -newermt yesterday -printf '%T+ %p\\n'",
                 "what has changed since yesterday, and when"}};
  return c;
}

cli::Command Stat(StatOptions* o) {
  cli::Command c;
  c.name = "stat";
  c.group = kLooking;
  c.summary = "everything known of one entry";
  c.description =
      "Prints all fields of an entry, the sums of a directory, and how far it can be trusted: "
      "whether it is still changing, who reported it, whether events were lost there.";
  c.arguments = {{"PATH", "What to look at.", &o->paths, true}};
  c.examples = {{"fustor stat /data/a.bin", "one file"},
                {"fustor stat --json /data", "a directory, for a script"}};
  return c;
}

cli::Command Watch(WatchOptions* o) {
  cli::Command c;
  c.name = "watch";
  c.group = kLooking;
  c.summary = "follow changes as they happen";
  c.description =
      "Prints each change of what is at and below PATH: time, what happened (created, updated, "
      "removed, moved), size, path. What lies below a directory that is removed or moved goes with "
      "it and has no line of its own; that a directory's times follow what is in it has none "
      "either. Runs until Ctrl-C, which ends it as it ends any program (130). When Fusion goes "
      "away it waits for it and goes on where it was; when changes were missed it says so on "
      "stderr, because the tree must then be looked at again. With --json every change has a line, "
      "with its revision and all that is known of the entry; lines of kind start and reset say "
      "from where on nothing is missing, and since is what --since takes.";
  c.arguments = {{"PATH", "What to watch. Default: the current directory.", &o->paths}};
  c.options = {
      {"--since", "REV", "Begin behind this revision, or behind 'since' of a --json line.",
       &o->since},
  };
  c.examples = {{"fustor watch /data", "everything that happens below /data"},
                {"fustor watch --json /data | jq -r 'select(.kind==\"created\").path'",
                 "new files, for a script"}};
  return c;
}

cli::Command Views() {
  cli::Command c;
  c.name = "views";
  c.group = kLooking;
  c.summary = "the views that can be asked, one by one";
  c.description =
      "Lists the views that the key opens: state, entries, bytes, memory, the age of the last "
      "evidence, what each watches. With --json one object per view, as Fusion answered it.";
  c.examples = {{"fustor views", "all of them"},
                {"fustor views --json | jq -r 'select(.ready|not).reason'", "what is missing"}};
  return c;
}

cli::Command Sessions(SessionsOptions* o) {
  cli::Command c;
  c.name = "sessions";
  c.group = kLooking;
  c.summary = "the agents that report";
  c.description =
      "Lists the sessions of the agents of every view: role, whether changes are seen live, since "
      "when, last sign of life, address. With --json one object per session.";
  c.arguments = {{"VIEW", "Only of these views.", &o->views}};
  c.examples = {{"fustor sessions", "all agents"},
                {"fustor sessions data", "those that report to the view 'data'"}};
  return c;
}

cli::Command Scan(ScanOptions* o) {
  cli::Command c;
  c.name = "scan";
  c.group = kLooking;
  c.summary = "have agents look at a directory now";
  c.description =
      "Asks all agents that report to the view of each PATH to look there now, whatever they "
      "watch: "
      "for what nobody told of (another host has written, watches ran out), before the next audit "
      "finds it. A PATH may be one that Fusion does not know yet; of a file, its directory is "
      "looked at. Says under which job, at once, or with --wait when the agents have looked, with "
      "the progress on a terminal; then the exit code is 1 when none of them could. The same scan "
      "asked for twice is one. With --json one object per PATH, as GET /jobs/{id} answers it.";
  c.arguments = {{"PATH", "Directories, or files in them.", &o->paths, true}};
  c.options = {{"-r,--recursive", "", "Also everything below.", &o->recursive}};
  c.examples = {{"fustor scan --wait /data/inbox", "what has come in, and is told by nobody"},
                {"fustor scan -r --wait /data/projects && fustor du /data/projects", "exact sums"}};
  return c;
}

cli::Command JobList(JobsOptions* o) {
  cli::Command c;
  c.name = "jobs";
  c.group = kLooking;
  c.summary = "scans that were asked for, and how far they are";
  c.description =
      "Lists the on-demand scans ('fustor scan') of every view that are going on or ended within "
      "the last hour: state, agents that have ended of those asked, age, path, what went wrong. "
      "With --json one object per job.";
  c.arguments = {{"VIEW", "Only of these views.", &o->views}};
  c.examples = {{"fustor jobs", "all of them"},
                {"fustor jobs --json | jq -r 'select(.status==\"FAILED\").error'", "what failed"}};
  return c;
}

cli::Command Config(ConfigOptions* o) {
  cli::Command c;
  c.name = "config";
  c.group = "More";
  c.summary = "check configuration files before they are used";
  c.description =
      "'config check' reads a file or folder as fustor-agent or fustor-fusion would, and names "
      "every fault with file, line and column. Exit code 1 when there is one. What it is for is "
      "seen from its keys, else from its name.";
  c.arguments = {{"ACTION", "check, the only one.", &o->action, true, {"check"}},
                 {"PATH", "A YAML file or a folder of them.", &o->paths, true}};
  c.options = {{"--as",
                "WHAT",
                "agent or fusion, whatever the keys look like.",
                &o->kind,
                {"agent", "fusion"}}};
  c.usage = "fustor config check [OPTION]... PATH...";
  c.examples = {{"fustor config check /etc/fustor/fusion-config", "a folder of Fusion"},
                {"fustor config check --as agent new.yaml", "a file to be"}};
  return c;
}

cli::Command Completion(CompletionOptions* o) {
  cli::Command c;
  c.name = "completion";
  c.group = "More";
  c.summary = "make a shell complete commands, options and paths";
  c.description = "Prints what the shell is to read.";
  c.arguments = {{"SHELL", "bash, zsh or fish.", &o->shell, true, {"bash", "zsh", "fish"}}};
  c.examples = {
      {"source <(fustor completion bash)", "in this shell; for all: into ~/.bashrc"},
      {"fustor completion zsh > ~/.zfunc/_fustor", "with fpath+=~/.zfunc before compinit"},
      {"fustor completion fish > ~/.config/fish/completions/fustor.fish", "fish finds it there"}};
  return c;
}

cli::Command Help(HelpOptions* o) {
  cli::Command c;
  c.name = "help";
  c.group = "More";
  c.summary = "explain a command or a topic";
  c.description = "Explains one command or topic, or lists all.";
  c.arguments = {
      {"SUBJECT", "A command or a topic.", &o->subject, false, {}, cli::Offer::kCommand}};
  c.examples = {{"fustor help find", "what find understands"},
                {"fustor help exit-codes", "what a script can rely on"}};
  return c;
}

// Where shells offer paths of this machine.
void OfferPaths(cli::Program* program) {
  for (cli::Command& command : program->commands) {
    for (cli::Argument& argument : command.arguments) {
      if (argument.name == "PATH") argument.offer = cli::Offer::kPath;
      if (argument.name == "DIR") argument.offer = cli::Offer::kDirectory;
    }
    for (cli::Option& option : command.options) {
      if (option.value == "PATH") option.offer = cli::Offer::kPath;
    }
  }
  for (cli::Option& option : program->options) {
    if (option.value == "DIR") option.offer = cli::Offer::kDirectory;
  }
}

}  // namespace

cli::Program CommandTable(Options* options, std::string version) {
  cli::Program program;
  program.name = "fustor";
  program.version = std::move(version);
  program.description =
      "Fustor keeps a live picture of file trees in memory: an agent watches the directories, "
      "Fusion "
      "answers. ls, tree, du and find then cost milliseconds instead of a walk over the disk, and "
      "say how far an answer can be trusted. Files are never opened and never changed.";
  program.options = {
      {"--json", "", "For programs: one JSON object per line; status: one document.",
       &options->common.json},
      {"--wait", "", "Wait for what is not ready yet instead of ending with 3.",
       &options->common.wait},
      {"--home", "DIR", "Home of Fustor. Default: $FUSTOR_HOME, else ~/.fustor.",
       &options->common.home},
      {"--url", "URL", "Which Fusion to ask. Default: $FUSTOR_URL, else HOME/connection.json.",
       &options->common.url},
      {"--key", "KEY", "API key for it. Default: $FUSTOR_KEY, else HOME/connection.json.",
       &options->common.key},
      {"--view", "ID",
       "Ask this view, whatever others hold the path. Default: the one whose directory "
       "is the longest that does.",
       &options->common.view},
  };
  program.commands = {
      Up(&options->up),
      Status(),
      Ls(&options->ls),
      Tree(&options->tree),
      Du(&options->du),
      Stat(&options->stat),
      TopCommand(&options->top),
      GroupsCommand(&options->groups),
      Views(),
      Sessions(&options->sessions),
      Scan(&options->scan),
      JobList(&options->jobs),
      Watch(&options->watch),
      Find(&options->find),
      SearchCommand(&options->search),
      DuplicatesCommand(&options->duplicates),
      ExportCommand(&options->export_),
      DiffCommand(&options->diff),
      Config(&options->config),
      Completion(&options->completion),
      Help(&options->help),
  };
  OfferPaths(&program);
  program.topics = HelpTopics();
  program.examples = {
      {"fustor du -h -d 1 /data", "what takes the space"},
      {"fustor find /data -name '*.tmp' -size +1G -mtime +30", "large, old leftovers"},
      {"fustor ls -lh /data", "who owns what, how big, since when"},
  };
  program.epilog =
      "PATHs are ordinary paths of this machine; the view is found from them. Names are quoted on "
      "a "
      "terminal and raw in a pipe. 'fustor help COMMAND' explains a command.\n"
      "Exit codes: 0 done, 1 something was not found or could not be read, 2 wrong usage, 3 not "
      "ready yet or nobody answers.";
  return program;
}

}  // namespace fustor::client
