// Commands that choose among many entries: search, top, groups, duplicates.
#include "svc/client/core/options.h"

namespace fustor::client {
namespace {

constexpr const char* kLooking = "Looking";
constexpr const char* kFinding = "Finding";

void AddChoice(ChoiceOptions* choice, cli::Command* command) {
  for (cli::Option& option : ChoiceTable(choice)) command->options.push_back(std::move(option));
}

}  // namespace

cli::Command SearchCommand(SearchOptions* o) {
  cli::Command c;
  c.name = "search";
  c.group = kFinding;
  c.summary = "find files by a part of their name, in all views";
  c.description =
      "Prints the files whose name contains TEXT in any case; or, when TEXT has one of * ? [, "
      "whose "
      "name or path in the view matches it as a glob. Prints at most 1000 unless --limit says "
      "otherwise. The other options choose among them; '' is every name.";
  c.arguments = {{"TEXT", "Part of a name, or a glob.", &o->text, true}};
  c.options = {
      {"--substring", "", "TEXT is part of a name even when it looks like a glob.", &o->substring},
      {"--under", "PATH", "Only below this directory.", &o->under},
      {"--limit", "N", "Stop after N. 0: all. Default: 1000.", &o->limit},
      {"--all", "", "Directories too.", &o->everything},
      {"--sort", "KEY",
       "path (default), name, size, allocated, mtime, ctime, atime; =-size: the largest first. "
       "View by view.",
       &o->sort},
      {"-0,--print0", "", "A NUL instead of a line feed after each path.", &o->zero},
  };
  AddChoice(&o->choice, &c);
  c.examples = {{"fustor search report", "every file with 'report' in its name"},
                {"fustor search '*.parquet' --under /data/2026", "by glob, below a directory"},
                {"fustor search '' --ext iso,zip --older 1y --sort=-size --limit 20",
                 "the largest archives that nobody has touched for a year"}};
  return c;
}

cli::Command TopCommand(TopOptions* o) {
  cli::Command c;
  c.name = "top";
  c.group = kLooking;
  c.summary = "the largest, the fullest, the latest changed";
  c.description =
      "Ranks the directories and the files below PATH: by the bytes of their content, by the "
      "number "
      "of files, or by the last change; a directory counts with all below it. On a terminal a "
      "table; in a pipe, with tabs between: bytes, files, seconds since 1970, d or f, path. "
      "Directories come first. A directory of which one below it holds nine tenths or more is left "
      "out: the one below stands for it. The options that choose entries choose among directories "
      "and files; with --own, the files that directories are ranked by.";
  c.arguments = {{"PATH", "Where to look. Default: the current directory.", &o->paths}};
  c.options = {
      {"-n,--count", "N", "How many of each. Default: 10.", &o->count},
      {"--by", "WHAT", "size (default), files or mtime.", &o->by, {"size", "files", "mtime"}},
      {"-d,--directories", "", "Directories only.", &o->directories},
      {"-f,--files", "", "Files only.", &o->files},
      {"--own", "",
       "Directories by what lies in them, without their subdirectories; what they are ranked by "
       "then counts that alone.",
       &o->own},
      {"-h,--human-readable", "", "Sizes like 1.2G, in a pipe too.", &o->human},
      {"-0,--null", "", "A NUL instead of a line feed after each line.", &o->zero},
  };
  AddChoice(&o->choice, &c);
  c.examples = {{"fustor top /data", "what takes the space"},
                {"fustor top -d --own --ext tmp,bak /data", "where the leftovers lie"},
                {"fustor top --by mtime -f -n 20 /data", "the twenty files that changed last"}};
  return c;
}

cli::Command GroupsCommand(GroupsOptions* o) {
  cli::Command c;
  c.name = "groups";
  c.group = kLooking;
  c.summary = "what files are there: by extension, age, size, owner";
  c.description =
      "Counts the files below PATH, and sums up their sizes, per extension, age, size, owner, "
      "group, depth or type; up to three of them together. On a terminal a table with bars; in a "
      "pipe, with tabs between: files, directories, bytes, allocated bytes, and what the group "
      "is. Sizes come in powers of two, ages in steps that people use. A file of several names "
      "counts once in bytes. What is beyond -n is summed up as 'other'. With --json one object per "
      "group, as Fusion answers it: 'query' finds its members.";
  c.arguments = {{"PATH", "Where to look. Default: the current directory.", &o->paths}};
  c.options = {
      {"--by", "LIST", "age, size, ext (default), owner, group, depth, type: ext,owner.", &o->by},
      {"--age-of",
       "TIME",
       "mtime (default), ctime or atime.",
       &o->age_of,
       {"mtime", "ctime", "atime"}},
      {"--sort", "KEY", "key, size, allocated or count; =-size: the largest first.", &o->sort},
      {"-n,--count", "N", "How many groups. Default: 25 on a terminal, else 1000.", &o->count},
      {"-h,--human-readable", "", "Sizes like 1.2G, in a pipe too.", &o->human},
  };
  AddChoice(&o->choice, &c);
  c.examples = {{"fustor groups /data", "which kinds of files take the space"},
                {"fustor groups --by age --age-of atime /data", "how much is still read"},
                {"fustor groups --by owner,ext -n 10 /home", "who keeps what"}};
  return c;
}

cli::Command DuplicatesCommand(DuplicatesOptions* o) {
  cli::Command c;
  c.name = "duplicates";
  c.group = kFinding;
  c.summary = "files that may be the same, by size and name";
  c.description =
      "Prints groups of files below PATH with the same size and name, those first with the most to "
      "gain, an empty line behind each. Candidates: nothing has read their contents; compare them "
      "before one is deleted. Hard links of one file are no duplicates; empty files do not count. "
      "What all of them take, and what is left out, is said on stderr.";
  c.arguments = {{"PATH", "Where to look. Default: the current directory.", &o->paths}};
  c.options = {
      {"--by",
       "LIST",
       "What must be the same: size; size,name (default); size,mtime; size,name,mtime.",
       &o->by,
       {"size", "size,name", "size,mtime", "size,name,mtime"}},
      {"-n,--count", "N", "How many groups, at most 1000. Default: 100.", &o->count},
      {"--files", "N", "How many files of each, at most 100. Default: 20.", &o->files},
      {"-0,--print0", "", "A NUL instead of each line feed.", &o->zero},
  };
  AddChoice(&o->choice, &c);
  c.examples = {{"fustor duplicates --min-size 100M /data", "large files that may be there twice"},
                {"fustor duplicates --json . | jq -r '.files[].path'", "for a script"}};
  return c;
}

}  // namespace fustor::client
