// Commands that write down what a view knows, or what is different in another one.
#include "svc/client/core/options.h"

namespace fustor::client {
namespace {

constexpr const char* kFinding = "Finding";

}  // namespace

cli::Command ExportCommand(ExportOptions* o) {
  cli::Command c;
  c.name = "export";
  c.group = kFinding;
  c.summary = "write what a view knows to a file, for other programs";
  c.description =
      "Writes every entry at and below PATH, or those that match, as lines of JSON, as CSV or as "
      "Parquet: "
      "one revision of the tree, in path order, while Fusion goes on. Paths are those of the view. "
      "With -o the file is there when all of it has arrived, and not before; what was there is "
      "replaced then. When the answer breaks off the exit code is 1.";
  c.arguments = {{"PATH", "What to export. Default: the current directory.", &o->path}};
  c.options = {
      {"-f,--format",
       "FORMAT",
       "ndjson, csv or parquet. Default: as FILE ends, else ndjson.",
       &o->format,
       {"ndjson", "csv", "parquet"}},
      {"-c,--columns", "NAMES", "Only these, with commas between: path,size,mtime.", &o->columns},
      {"-o,--output",
       "FILE",
       "Where to. Default: standard output.",
       &o->output,
       {},
       cli::Offer::kPath},
      {"--pattern", "TEXT", "Only what matches, as in search.", &o->pattern},
      {"--spreadsheet", "", "CSV: ' before what a spreadsheet would take for a formula.",
       &o->spreadsheet},
  };
  for (cli::Option& option : ChoiceTable(&o->choice)) c.options.push_back(std::move(option));
  c.examples = {{"fustor export /data -o data.csv", "everything, for a spreadsheet or a database"},
                {"fustor export /data -o data.parquet", "the same in a tenth of the bytes"},
                {"fustor export /data -c path,size --type file | jq -r 'select(.size>1e9).path'",
                 "a question that no option asks"}};
  return c;
}

cli::Command DiffCommand(DiffOptions* o) {
  cli::Command c;
  c.name = "diff";
  c.group = kFinding;
  c.summary = "what is different in another view, or since another time";
  c.description =
      "Compares what the view of PATH knows at and below it with what another view has at the same "
      "place (two members of a forest, two hosts that should hold the same), or with what it knew "
      "before, as far as checkpoints are kept. Each line says what has been added there, removed "
      "or "
      "changed, the bytes before and after, in what it differs, and the path; a directory that "
      "only "
      "one of them has is one line with all that is in it. Files are compared by what is known of "
      "them, never opened. With --json the lines of GET /views/{view}/diff, the last one with the "
      "sums.";
  c.arguments = {{"PATH", "What to compare. Default: the current directory.", &o->path}};
  c.options = {
      {"--with", "VIEW", "The view to compare with.", &o->with},
      {"--from", "WHEN",
       "The checkpoint to compare with, the last until then: 12h, 30d, 2w, 1y ago, 2026-11-21, "
       "yesterday.",
       &o->from},
      {"--to", "WHEN", "With --from: another checkpoint. Default: now.", &o->to},
      {"--aspects", "NAMES",
       "What matters: of kind, content (size and mtime), permissions, attributes, with commas "
       "between. Default: the first three.",
       &o->aspects},
      {"--expand", "", "Every entry of a directory that only one of them has.", &o->expand},
      {"-s,--summarize", "", "The sums alone.", &o->summarize},
      {"-h,--human-readable", "", "Sizes like 1.2G.", &o->human},
  };
  c.examples = {{"fustor diff /data --view all:host-a --with all:host-b",
                 "what host-b has of /data that host-a has not"},
                {"fustor diff /data --with copy --json | jq -r 'select(.change==\"removed\").path'",
                 "what is missing in the copy"},
                {"fustor diff /data --from 1d -s", "what a day has changed, in sums"}};
  return c;
}

}  // namespace fustor::client
