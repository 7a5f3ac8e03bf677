#include "svc/client/core/find_expression.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/path.h"
#include "lib/cli/help.h"
#include "svc/client/core/find_format.h"
#include "svc/client/core/find_part.h"
#include "svc/client/core/find_tests.h"

namespace fustor::client {
namespace {

constexpr std::size_t kNestingMax = 100;
constexpr std::size_t kPatternBytesMax = 4096;  // That Fusion takes.

Status Wrong(std::string text) { return Status(Code::kInvalidArgument, std::move(text)); }

constexpr std::string_view kOperators[] = {"(", ")", "!", "-not", "-a", "-and", "-o", "-or", ","};
constexpr std::string_view kActions[] = {"-print", "-print0", "-printf", "-ls", "-prune", "-quit"};
// About the whole run.
constexpr std::string_view kSettings[] = {"-maxdepth",  "-mindepth", "-limit",
                                          "-regextype", "--json",    "--wait",
                                          "--home",     "--url",     "--key"};
// Of no consequence here, and harmless.
constexpr std::string_view kIgnored[] = {
    "-noleaf", "-warn", "-nowarn", "-ignore_readdir_race", "-noignore_readdir_race", "-P"};

template <std::size_t n>
bool IsOneOf(const std::string_view (&words)[n], std::string_view word) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

// What find has and this has not, and why; empty: find does not have it either.
std::string_view WhyNot(std::string_view word) {
  constexpr std::string_view kOnlyLooks =
      "fustor only looks. Pipe to a program instead: fustor find ... -print0 | xargs -0 PROGRAM";
  constexpr std::string_view kNoLinks = "links are not followed; -type l and -lname look at them";
  constexpr std::string_view kNoAccess =
      "whether you may is known to the host of the file alone; -perm looks at the bits";
  static constexpr std::pair<std::string_view, std::string_view> kWords[] = {
      {"-exec", kOnlyLooks},
      {"-execdir", kOnlyLooks},
      {"-ok", kOnlyLooks},
      {"-okdir", kOnlyLooks},
      {"-delete", kOnlyLooks},
      {"-fprint", "redirect the output instead"},
      {"-fprint0", "redirect the output of -print0 instead"},
      {"-fprintf", "redirect the output of -printf instead"},
      {"-fls", "redirect the output of -ls instead"},
      {"-L", kNoLinks},
      {"-H", kNoLinks},
      {"-follow", kNoLinks},
      {"-xtype", kNoLinks},
      {"-readable", kNoAccess},
      {"-writable", kNoAccess},
      {"-executable", kNoAccess},
      {"-fstype", "types of file systems are not kept"},
      {"-xdev", "the agent decides that when it scans: one_file_system, fustor up -x"},
      {"-mount", "the agent decides that when it scans: one_file_system, fustor up -x"},
      {"-depth", "a directory always comes before what is in it"},
      {"-d", "a directory always comes before what is in it"},
      {"-daystart", "-newermt 2026-11-21 says from when"},
      {"-samefile", "-inum N finds the links of a file"},
      {"-used", "-newerac looks at both times"},
      {"-context", "security contexts are not kept"},
      {"-files0-from", "xargs -0 fustor find does it"},
      {"-newermB", "times of birth are not kept"},
      {"-newercB", "times of birth are not kept"},
      {"-neweraB", "times of birth are not kept"},
      {"-newerBt", "times of birth are not kept"},
      {"-newerBm", "times of birth are not kept"},
      {"-newerBa", "times of birth are not kept"},
      {"-newerBc", "times of birth are not kept"},
      {"-newerBB", "times of birth are not kept"},
  };
  for (const auto& [known, why] : kWords) {
    if (known == word) return why;
  }
  return "";
}

class Parser {
 public:
  Parser(const std::vector<std::string>& args, WallTime now, const LocalClock& clock)
      : args_(args) {
    setting_.now = now;
    setting_.clock = &clock;
  }

  Result<FindRequest> Run() {
    if (at_ < args_.size() && args_[at_] == "-P") ++at_;
    while (at_ < args_.size() && !BeginsExpression(args_[at_])) {
      request_.paths.push_back(args_[at_++]);
    }
    FindPart part = MakeTest([](const Candidate&) { return true; });
    if (at_ < args_.size()) {
      FUSTOR_TRY_ASSIGN(part, ParseList());
    }
    if (at_ < args_.size()) {
      if (args_[at_] == ")") return Wrong("')' without '('");
      return Wrong("paths come before the expression: '" + PrintablePath(args_[at_]) + "'");
    }
    if (request_.json && part.prints && prints_otherwise_) {
      return Wrong("--json stands in place of -print0, -printf and -ls");
    }
    if (!part.prints) {
      std::vector<FindPart> parts;
      parts.push_back(std::move(part));
      parts.push_back(Print());
      part = MakeAnd(std::move(parts));
    }
    request_.expression = part.expression;
    request_.narrowing = part.when_acting;
    if (request_.narrowing.pattern.size() > kPatternBytesMax) request_.narrowing.pattern.clear();
    request_.references = std::move(setting_.references);
    request_.users = std::move(setting_.users);
    request_.groups = std::move(setting_.groups);
    request_.needs_attributes = setting_.needs_attributes;
    request_.needs_totals = setting_.needs_totals;
    if (request_.paths.empty()) request_.paths.push_back(".");
    return std::move(request_);
  }

 private:
  static bool BeginsExpression(const std::string& arg) {
    return (arg.size() > 1 && arg[0] == '-') || arg == "(" || arg == "!" || arg == ")" ||
           arg == ",";
  }
  bool At(std::string_view word, std::string_view other = "") const {
    return at_ < args_.size() && (args_[at_] == word || (!other.empty() && args_[at_] == other));
  }
  bool AtEndOfPart() const { return at_ == args_.size() || At(")") || At("-o", "-or") || At(","); }

  static FindPart Print() {
    return MakePrinter([](const Candidate& c, FindActions& actions) { actions.Print(c); });
  }

  Result<FindPart> ParseList() {
    std::vector<FindPart> parts;
    for (;;) {
      FUSTOR_TRY_ASSIGN(FindPart part, ParseOr());
      parts.push_back(std::move(part));
      if (!At(",")) return MakeList(std::move(parts));
      ++at_;
      if (AtEndOfPart()) return Wrong("',' needs an expression on its right");
    }
  }

  Result<FindPart> ParseOr() {
    std::vector<FindPart> parts;
    for (;;) {
      FUSTOR_TRY_ASSIGN(FindPart part, ParseAnd());
      parts.push_back(std::move(part));
      if (!At("-o", "-or")) return MakeOr(std::move(parts));
      ++at_;
      if (AtEndOfPart()) return Wrong("-o needs an expression on its right");
    }
  }

  Result<FindPart> ParseAnd() {
    std::vector<FindPart> parts;
    while (!AtEndOfPart()) {
      if (At("-a", "-and")) {
        ++at_;
        if (parts.empty() || AtEndOfPart() || At("-a", "-and")) {
          return Wrong("-a needs an expression on both sides");
        }
        continue;
      }
      if (!parts.empty() && !BeginsExpression(args_[at_])) break;
      FUSTOR_TRY_ASSIGN(FindPart part, ParseNot());
      parts.push_back(std::move(part));
    }
    if (parts.empty()) {
      return Wrong(at_ == args_.size() ? "an expression is missing at the end"
                                       : "an expression is missing before '" + args_[at_] + "'");
    }
    return MakeAnd(std::move(parts));
  }

  Result<FindPart> ParseNot() {
    bool negative = false;
    const std::string first = args_[at_];
    for (; At("!", "-not"); ++at_) negative = !negative;
    if (AtEndOfPart()) return Wrong("'" + PrintablePath(first) + "' needs an expression behind it");
    const bool negated = first == "!" || first == "-not";
    nesting_ += negated ? 1 : 0;
    FUSTOR_TRY_ASSIGN(FindPart part, ParsePrimary());
    nesting_ -= negated ? 1 : 0;
    return negative ? MakeNot(std::move(part)) : std::move(part);
  }

  Result<FindPart> ParsePrimary() {
    if (!At("(")) return ParseWord();
    if (nesting_ >= kNestingMax) return Wrong("too many parentheses");
    ++at_;
    ++nesting_;
    if (At(")")) return Wrong("there is nothing between '(' and ')'");
    FUSTOR_TRY_ASSIGN(FindPart inner, ParseList());
    --nesting_;
    if (!At(")")) return Wrong("'(' without ')'");
    ++at_;
    return inner;
  }

  // The next word; also in the style of other programs: "--name x", "--maxdepth=2".
  std::string TakeWord() {
    std::string word = args_[at_++];
    joined_value_.reset();
    if (!word.starts_with("--")) return word;
    const std::size_t equals = word.find('=');
    if (equals != std::string::npos) {
      joined_value_ = word.substr(equals + 1);
      word.resize(equals);
    }
    const std::string short_form = word.substr(1);
    const bool known = FindTestTakesValue(short_form) || IsOneOf(kActions, short_form) ||
                       IsOneOf(kSettings, short_form);
    return known ? short_form : word;
  }

  Result<FindPart> ParseWord() {
    const std::string word = TakeWord();
    FUSTOR_TRY_ASSIGN(FindPart part, ParseWord(word));
    if (joined_value_) return Wrong(word + " takes no value");
    return part;
  }

  Result<FindPart> ParseWord(const std::string& word) {
    if (const std::optional<bool> takes_value = FindTestTakesValue(word)) {
      std::string value;
      if (*takes_value) {
        FUSTOR_TRY_ASSIGN(value, ValueOf(word));
      }
      return ParseFindTest(word, value, &setting_);
    }
    if (IsOneOf(kActions, word)) return ParseAction(word);
    if (IsOneOf(kSettings, word)) {
      FUSTOR_TRY(ParseSetting(word));
    } else if (!IsOneOf(kIgnored, word)) {
      return Unknown(word);
    }
    return MakeTest([](const Candidate&) { return true; });
  }

  Result<std::string> ValueOf(const std::string& word) {
    if (joined_value_) return *std::exchange(joined_value_, std::nullopt);
    if (at_ == args_.size()) return Wrong(word + " needs a value");
    return args_[at_++];
  }

  static Status Unknown(const std::string& word) {
    if (const std::string_view why = WhyNot(word); !why.empty()) {
      return Wrong(word + " is not here: " + std::string(why));
    }
    std::string text = "there is no '" + PrintablePath(word) + "'";
    const std::string_view closest = cli::Closest(word, FindWords());
    if (!closest.empty()) text += "; did you mean '" + std::string(closest) + "'?";
    return Wrong(text);
  }

  Result<FindPart> ParseAction(const std::string& word) {
    if (word == "-prune") return MakePrune();
    if (word == "-quit") return MakeQuit();
    if (word == "-print") return Print();
    prints_otherwise_ = true;
    if (word == "-print0") {
      return MakePrinter([](const Candidate& c, FindActions& actions) {
        actions.Write(std::string(c.shown) + '\0');  // For programs, whoever reads.
      });
    }
    if (word == "-ls") {
      setting_.needs_attributes = true;
      return MakePrinter(
          [listing = std::make_shared<FindListing>()](const Candidate& c, FindActions& actions) {
            actions.Write(listing->Line(c));
          });
    }
    FUSTOR_TRY_ASSIGN(const std::string value, ValueOf(word));
    FUSTOR_TRY_ASSIGN(FindFormat format, FindFormat::Parse(value));
    setting_.needs_attributes |= format.needs_attributes();
    return MakePrinter([format = std::move(format)](const Candidate& c, FindActions& actions) {
      std::string text;
      format.Append(c, &text);
      actions.Write(text);
    });
  }

  Status ParseSetting(const std::string& word) {
    if (word != "-regextype" && nesting_ > 0) {
      return Wrong(word + " holds for the whole search: write it outside of ( ) and !");
    }
    if (word == "--json") request_.json = true;
    if (word == "--wait") request_.wait = true;
    if (word == "--json" || word == "--wait") return {};
    FUSTOR_TRY_ASSIGN(const std::string value, ValueOf(word));
    if (word == "--home") request_.home = value;
    if (word == "--url") request_.url = value;
    if (word == "--key") request_.key = value;
    if (word == "-regextype") {
      const std::optional<regex::Syntax> syntax = regex::SyntaxByName(value);
      if (!syntax) {
        return Wrong(
            "-regextype takes findutils-default, emacs, posix-basic (sed) or posix-extended, not "
            "'" +
            PrintablePath(value) + "'");
      }
      setting_.syntax = *syntax;
    }
    if (word.starts_with("-m") || word == "-limit") {
      std::uint64_t n = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), n);
      if (error != std::errc() || end != value.data() + value.size()) {
        return Wrong(word + " takes a number, not '" + PrintablePath(value) + "'");
      }
      if (word == "-maxdepth") request_.depth_max = n;
      if (word == "-mindepth") request_.depth_min = n;
      if (word == "-limit") request_.limit = n;
    }
    return {};
  }

  const std::vector<std::string>& args_;
  std::size_t at_ = 0;
  std::size_t nesting_ = 0;  // In parentheses or behind a negation.
  bool prints_otherwise_ = false;
  std::optional<std::string> joined_value_;  // Of "--word=value", until it is taken.
  FindSetting setting_;
  FindRequest request_;
};

}  // namespace

Result<FindRequest> ParseFind(const std::vector<std::string>& args, WallTime now,
                              const LocalClock& clock) {
  return Parser(args, now, clock).Run();
}

std::vector<std::string_view> FindWords() {
  std::vector<std::string_view> words = FindTestWords();
  const auto add = [&words](const auto& more) {
    words.insert(words.end(), std::begin(more), std::end(more));
  };
  add(kActions);
  add(kSettings);
  add(kOperators);
  return words;
}

}  // namespace fustor::client
