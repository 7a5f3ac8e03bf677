#include "svc/client/core/topics.h"

namespace fustor::client {
namespace {

constexpr const char* kExitCodes = R"(Exit codes of every command:

  0  Done. Also when the reader of a pipe has left (fustor find | head).
  1  Something was not found or could not be read, a key was not accepted, a
     configuration has faults. What could be answered was printed.
  2  Wrong usage: an unknown command or option, a value that cannot be read.
  3  Nobody answers, or a view is not ready. Trying again later may help; --wait
     waits instead.

Of several the highest counts. A stale answer is no failure: it is said on stderr.
fustor up ends with 0 after Ctrl-C or SIGTERM, with 1 when it could not start.
fustor watch runs until Ctrl-C, which a shell shows as 130.
fustor-agent and fustor-fusion end with 2 for faults in their configuration.
)";

constexpr const char* kPaths = R"(PATHs are paths of this machine, as the shell completes them.

  * The view whose directory is the longest one that holds the path is asked.
  * Relative paths begin in the current directory. What is deleted by now, or mounted
    on another host only, is found all the same: by its letters.
  * A link at the end of a path is meant itself; with a slash behind it, what it points
    to. ls DIR, tree, top and search --under follow it.
  * Names are bytes. On a terminal they are quoted so that a shell reads the same bytes;
    in a pipe they are raw. For names with line feeds in them: -print0, --null, --json.
  * In --json, bytes that are not UTF-8 are written as \udc80 to \udcff, and path_b64
    has them as they are.
)";

constexpr const char* kKeys = R"(Fusion answers to those who know a key.

  fustor up        makes one and writes it to HOME/connection.json, which only you may
                   read. The other commands find it there.
  --key, FUSTOR_KEY
                   another one. It goes to the Fusion of --url or FUSTOR_URL; the key of
                   connection.json goes to none but the one that stands beside it.
  a query key      (views: ID: api_keys) opens one view.
  a push key       (receivers: ID: api_keys) is for agents; opens the views of its pipe.

A key on a command line is seen by every user of the machine: rather use FUSTOR_KEY.
'fustor views' lists what a key opens.
)";

constexpr const char* kPatterns = R"(Patterns, and where they are used:

  search TEXT        a part of the name, upper case as lower case; with one of * ? [
                     a glob on the name or on the whole path in the view
  find -name GLOB    the shell's glob on the name: * ? [a-z] [!a-z], \ before a byte
                     that stands for itself; -iname in any case
  find -path GLOB    on the path as it is printed; * goes over slashes, too
  find -regex RE     a regular expression on the whole path; Emacs' syntax: . * + ?
                     [a-z] \| \( \); -regextype posix-extended: | ( ) {2,3} [[:alpha:]]

A byte is a character. Quote patterns, or the shell expands them: -name '*.c'.
)";

constexpr const char* kTrust = R"(How far an answer can be trusted is part of the answer.

  ready        a scan has ended and an agent keeps up with changes
  stale        the view was ready; the agent has gone. Said on stderr, with the reason
  not ready    exit code 3: no agent yet, or the first scan is not through
  ?            behind a name in ls -l: written a moment ago, size and time may change
  uncertain    changes were lost there; the next scan will tell (status, stat)
  not watched  changes there show after the next scan only (status, stat)

'fustor status' tells all of it, 'fustor stat PATH' about one entry.
)";

constexpr const char* kEnvironment = R"(Variables that the commands look at:

  FUSTOR_HOME   home of Fustor: connection.json, logs, configuration. Default: ~/.fustor
  FUSTOR_URL    which Fusion to ask, as --url
  FUSTOR_KEY    the key for it, as --key
  NO_COLOR      when it is not empty: no colours. In a pipe there never are any
  TERM          dumb: no colours
  COLUMNS       width of tables, else that of the terminal
  TZ            time zone of the times that are printed and of dates in find
)";

}  // namespace

std::vector<cli::Topic> HelpTopics() {
  return {
      {"exit-codes", "what a script can rely on", kExitCodes},
      {"paths", "how paths are read and names are printed", kPaths},
      {"keys", "who may ask what", kKeys},
      {"patterns", "globs and regular expressions", kPatterns},
      {"trust", "ready, stale, uncertain and so on", kTrust},
      {"environment", "variables that the commands look at", kEnvironment},
  };
}

}  // namespace fustor::client
