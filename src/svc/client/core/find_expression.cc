#include "svc/client/core/find_expression.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <limits>

#include "base/path.h"
#include "lib/cli/help.h"
#include "lib/tree/search.h"

namespace fustor::client {
namespace {

constexpr std::size_t kNestingMax = 100;
constexpr std::int64_t kSecond = 1'000'000'000;

using Test = std::function<bool(const Candidate&)>;
using Part = std::shared_ptr<const Expression>;

class TestExpression : public Expression {
 public:
  explicit TestExpression(Test test) : test_(std::move(test)) {}
  bool Matches(const Candidate& candidate) const override { return test_(candidate); }

 private:
  Test test_;
};

Part MakeTest(Test test) { return std::make_shared<TestExpression>(std::move(test)); }

// All of them, or any of them; in order, as far as needed.
class Junction : public Expression {
 public:
  Junction(bool all, std::vector<Part> parts) : all_(all), parts_(std::move(parts)) {}
  bool Matches(const Candidate& candidate) const override {
    for (const Part& part : parts_) {
      if (part->Matches(candidate) != all_) return !all_;
    }
    return all_;
  }

 private:
  bool all_;
  std::vector<Part> parts_;
};

Status Wrong(std::string text) { return Status(Code::kInvalidArgument, std::move(text)); }

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// "+7", "-7", "7" against a count.
struct Bound {
  enum class Sign { kExact, kMore, kLess } sign = Sign::kExact;
  std::int64_t n = 0;

  bool Holds(std::int64_t value) const {
    return sign == Sign::kMore ? value > n : sign == Sign::kLess ? value < n : value == n;
  }
};

std::optional<Bound> ParseBound(std::string_view text) {
  Bound bound;
  if (text.starts_with('+')) bound.sign = Bound::Sign::kMore;
  if (text.starts_with('-')) bound.sign = Bound::Sign::kLess;
  if (bound.sign != Bound::Sign::kExact) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bound.n);
  if (error != std::errc() || end != text.data() + text.size() || bound.n < 0) return std::nullopt;
  return bound;
}

std::int64_t SaturatingTimes(std::int64_t a, std::int64_t b) {
  std::int64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? std::numeric_limits<std::int64_t>::max()
                                                : product;
}

// The longest run of a glob that every match must contain, for a search in any case.
std::string LongestLiteral(std::string_view glob) {
  std::string best;
  std::string run;
  const auto finish = [&] {
    if (run.size() > best.size()) best = run;
    run.clear();
  };
  for (std::size_t i = 0; i < glob.size(); ++i) {
    if (glob[i] == '[') break;  // What is behind an odd bracket is not worth the care.
    if (glob[i] == '*' || glob[i] == '?') {
      finish();
    } else {
      if (glob[i] == '\\' && i + 1 < glob.size()) ++i;
      run += glob[i];
    }
  }
  finish();
  return best;
}

class Parser {
 public:
  Parser(const std::vector<std::string>& args, WallTime now) : args_(args), now_(now) {}

  Result<FindRequest> Run() {
    while (at_ < args_.size() && !BeginsExpression(args_[at_])) {
      request_.paths.push_back(args_[at_++]);
    }
    FUSTOR_TRY_ASSIGN(request_.expression, ParseOr());
    if (at_ < args_.size()) {
      if (args_[at_] == ")") return Wrong("')' without '('");
      return Wrong("paths come before the expression: '" + PrintablePath(args_[at_]) + "'");
    }
    if (request_.paths.empty()) request_.paths.push_back(".");
    return std::move(request_);
  }

 private:
  static bool BeginsExpression(const std::string& arg) {
    return (arg.size() > 1 && arg[0] == '-') || arg == "(" || arg == "!" || arg == ")";
  }
  bool AtEndOfPart() const {
    return at_ == args_.size() || args_[at_] == ")" || args_[at_] == "-o" || args_[at_] == "-or";
  }

  Result<Part> ParseOr() {
    std::vector<Part> parts;
    for (;;) {
      FUSTOR_TRY_ASSIGN(Part part, ParseAnd());
      parts.push_back(std::move(part));
      if (at_ == args_.size() || (args_[at_] != "-o" && args_[at_] != "-or")) break;
      ++at_;
      // What was learned from one alternative does not hold for all.
      if (nesting_ == 0) request_.narrowing = Narrowing();
      alternatives_ = alternatives_ || nesting_ == 0;
      if (AtEndOfPart()) return Wrong("-o needs an expression on its right");
    }
    if (parts.size() == 1) return parts[0];
    if (nesting_ == 0) request_.narrowing = Narrowing();
    return Part(std::make_shared<Junction>(false, std::move(parts)));
  }

  Result<Part> ParseAnd() {
    std::vector<Part> parts;
    while (!AtEndOfPart()) {
      if (args_[at_] == "-a" || args_[at_] == "-and") {
        ++at_;
        if (parts.empty() || AtEndOfPart()) return Wrong("-a needs an expression on both sides");
        continue;
      }
      if (!parts.empty() && !BeginsExpression(args_[at_])) break;
      FUSTOR_TRY_ASSIGN(Part part, ParseNot());
      parts.push_back(std::move(part));
    }
    if (parts.size() == 1) return parts[0];
    return Part(std::make_shared<Junction>(true, std::move(parts)));
  }

  Result<Part> ParseNot() {
    bool negative = false;
    const std::string first = args_[at_];
    while (at_ < args_.size() && (args_[at_] == "!" || args_[at_] == "-not")) {
      negative = !negative;
      ++at_;
    }
    if (AtEndOfPart()) return Wrong("'" + PrintablePath(first) + "' needs an expression behind it");
    // Only plain conditions that must all hold narrow the question.
    const bool counts = !negative && first != "!" && first != "-not";
    nesting_ += counts ? 0 : 1;
    FUSTOR_TRY_ASSIGN(Part part, ParsePrimary());
    nesting_ -= counts ? 0 : 1;
    if (!negative) return part;
    return MakeTest([part](const Candidate& c) { return !part->Matches(c); });
  }

  Result<Part> ParsePrimary() {
    const std::string& word = args_[at_];
    if (word != "(") return ParseTest();
    if (nesting_ >= kNestingMax) return Wrong("too many parentheses");
    ++at_;
    ++nesting_;
    FUSTOR_TRY_ASSIGN(Part inner, ParseOr());
    --nesting_;
    if (at_ == args_.size() || args_[at_] != ")") return Wrong("'(' without ')'");
    ++at_;
    return inner;
  }

  // A word and its value: -name, -size, -maxdepth, -print.
  Result<Part> ParseTest() {
    const std::string word = args_[at_++];
    struct Rule {
      std::string_view word;
      bool takes_value;
      Result<Part> (Parser::*parse)(const std::string& word, const std::string& value);
    };
    static constexpr std::array kRules = {
        Rule{"-name", true, &Parser::Name},        Rule{"-iname", true, &Parser::Name},
        Rule{"-path", true, &Parser::Name},        Rule{"-ipath", true, &Parser::Name},
        Rule{"-wholename", true, &Parser::Name},   Rule{"-iwholename", true, &Parser::Name},
        Rule{"-type", true, &Parser::Type},        Rule{"-size", true, &Parser::Size},
        Rule{"-mtime", true, &Parser::Age},        Rule{"-mmin", true, &Parser::Age},
        Rule{"-ctime", true, &Parser::Age},        Rule{"-cmin", true, &Parser::Age},
        Rule{"-atime", true, &Parser::Age},        Rule{"-amin", true, &Parser::Age},
        Rule{"-user", true, &Parser::Account},     Rule{"-group", true, &Parser::Account},
        Rule{"-uid", true, &Parser::Number},       Rule{"-gid", true, &Parser::Number},
        Rule{"-links", true, &Parser::Number},     Rule{"-inum", true, &Parser::Number},
        Rule{"-perm", true, &Parser::Permissions}, Rule{"-maxdepth", true, &Parser::Setting},
        Rule{"-mindepth", true, &Parser::Setting}, Rule{"-limit", true, &Parser::Setting},
        Rule{"--home", true, &Parser::Setting},    Rule{"--url", true, &Parser::Setting},
        Rule{"--key", true, &Parser::Setting},     Rule{"--json", false, &Parser::Setting},
        Rule{"--wait", false, &Parser::Setting},   Rule{"-print", false, &Parser::Setting},
        Rule{"-print0", false, &Parser::Setting},  Rule{"-empty", false, &Parser::Plain},
        Rule{"-true", false, &Parser::Plain},      Rule{"-false", false, &Parser::Plain},
    };
    const auto rule =
        std::find_if(kRules.begin(), kRules.end(), [&](const Rule& r) { return r.word == word; });
    if (rule == kRules.end()) {
      std::vector<std::string_view> words;
      for (const Rule& r : kRules) words.push_back(r.word);
      return Unknown(word, words);
    }
    request_.needs_attributes |= rule->parse != &Parser::Name && rule->parse != &Parser::Setting;
    std::string value;
    if (rule->takes_value) {
      if (at_ == args_.size()) return Wrong(word + " needs a value");
      value = args_[at_++];
    }
    return (this->*rule->parse)(word, value);
  }

  static Status Unknown(const std::string& word, const std::vector<std::string_view>& words) {
    constexpr std::array<std::string_view, 7> kDeeds = {"-exec",   "-execdir", "-ok", "-okdir",
                                                        "-delete", "-fprint",  "-fls"};
    if (std::find(kDeeds.begin(), kDeeds.end(), word) != kDeeds.end()) {
      return Wrong(word + " is not here: fustor only looks. Pipe to a program instead: " +
                   "fustor find ... -print0 | xargs -0 PROGRAM");
    }
    std::string text = "there is no '" + PrintablePath(word) + "'";
    const std::string_view closest = cli::Closest(word, words);
    if (!closest.empty()) text += "; did you mean '" + std::string(closest) + "'?";
    return Wrong(text);
  }

  Result<Part> Name(const std::string& word, const std::string& value) {
    const bool any_case = word[1] == 'i';
    const bool whole = word.ends_with("path") || word.ends_with("wholename");
    const tree::Glob glob(any_case ? Lower(value) : value);
    // Fusion's glob also matches whole paths, and its substring any case: both are coarser.
    if (nesting_ == 0 && !whole && request_.narrowing.pattern.empty()) {
      const bool pattern = tree::Glob::IsPattern(value);
      const bool escaped = value.find('\\') != std::string::npos;
      std::string coarse = value;
      if (pattern ? any_case : escaped) coarse = LongestLiteral(value);
      // An escaped star that became a literal would be read as a star again.
      if (coarse != value && tree::Glob::IsPattern(coarse)) coarse.clear();
      request_.narrowing.pattern = std::move(coarse);
    }
    return MakeTest([glob, any_case, whole](const Candidate& c) {
      // The name of the starting point itself is the last part of what was typed.
      const std::string_view text = whole ? c.shown : NameOf(c);
      return glob.Matches(any_case ? Lower(text) : std::string(text));
    });
  }

  static std::string_view NameOf(const Candidate& c) {
    std::string_view shown = c.shown;
    while (shown.size() > 1 && shown.ends_with('/')) shown.remove_suffix(1);
    const std::size_t slash = shown.rfind('/');
    return slash == std::string_view::npos || shown.size() == 1 ? shown : shown.substr(slash + 1);
  }

  Result<Part> Type(const std::string&, const std::string& value) {
    std::uint32_t types = 0;  // A bit for each value of st_mode's type, shifted down.
    std::string one;
    for (std::size_t i = 0; i < value.size(); i += 2) {
      constexpr std::string_view kLetters = "fdlpsbc";
      constexpr std::array<std::uint32_t, 7> kTypes = {010, 04, 012, 01, 014, 06, 02};
      const std::size_t letter = kLetters.find(value[i]);
      const bool comma_follows = i + 1 < value.size() && value[i + 1] == ',';
      if (letter == std::string_view::npos || (i + 1 < value.size() && !comma_follows) ||
          (comma_follows && i + 2 == value.size())) {
        return Wrong("-type takes f, d, l, p, s, b or c, with commas between, not '" +
                     PrintablePath(value) + "'");
      }
      types |= 1u << kTypes[letter];
      one = value[i] == 'f'   ? "file"
            : value[i] == 'd' ? "directory"
            : value[i] == 'l' ? "symlink"
                              : "other";
    }
    if (types == 0) return Wrong("-type takes f, d or l");
    if (nesting_ == 0 && value.size() == 1) request_.narrowing.type = one;
    return MakeTest([types](const Candidate& c) {
      return (types >> ((c.node->attrs.mode >> 12) & 017) & 1) != 0;
    });
  }

  Result<Part> Size(const std::string&, const std::string& value) {
    std::string_view number = value;
    std::int64_t unit = 512;
    if (!number.empty()) {
      constexpr std::string_view kUnits = "cwbkMG";
      constexpr std::array<std::int64_t, 6> kBytes = {1, 2, 512, 1 << 10, 1 << 20, 1 << 30};
      const std::size_t found = kUnits.find(number.back());
      if (found != std::string_view::npos) {
        unit = kBytes[found];
        number.remove_suffix(1);
      }
    }
    const std::optional<Bound> bound = ParseBound(number);
    if (!bound) {
      return Wrong("-size takes [+|-]N[cwbkMG], not '" + PrintablePath(value) + "'");
    }
    if (nesting_ == 0) {
      Narrowing& n = request_.narrowing;
      const std::int64_t top = SaturatingTimes(bound->n, unit);
      if (bound->sign == Bound::Sign::kMore) {
        if (top < std::numeric_limits<std::int64_t>::max()) {
          n.size_min_bytes = std::max(n.size_min_bytes.value_or(0), top + 1);
        }
      } else {
        const std::int64_t most =
            bound->sign == Bound::Sign::kExact ? top : std::max<std::int64_t>(0, top - unit);
        n.size_max_bytes =
            std::min(n.size_max_bytes.value_or(std::numeric_limits<std::int64_t>::max()), most);
      }
    }
    return MakeTest([bound = *bound, unit](const Candidate& c) {
      const std::int64_t size = c.node->attrs.size_bytes;
      return bound.Holds(size / unit + (size % unit != 0 ? 1 : 0));
    });
  }

  Result<Part> Age(const std::string& word, const std::string& value) {
    const std::optional<Bound> bound = ParseBound(value);
    if (!bound) return Wrong(word + " takes [+|-]N, not '" + PrintablePath(value) + "'");
    const std::int64_t unit = word.ends_with("min") ? 60 * kSecond : 86'400 * kSecond;
    const char which = word[1];
    if (nesting_ == 0 && which == 'm') NarrowAge(*bound, unit);
    return MakeTest([bound = *bound, unit, which, now = now_](const Candidate& c) {
      const EntryAttrs& a = c.node->attrs;
      const std::int64_t time = which == 'm' ? a.mtime_ns : which == 'c' ? a.ctime_ns : a.atime_ns;
      std::int64_t age = 0;
      if (__builtin_sub_overflow(now.ns, time, &age)) {
        age = time < 0 ? std::numeric_limits<std::int64_t>::max()
                       : std::numeric_limits<std::int64_t>::min();
      }
      // Days are whole days gone by; minutes count the begun one, as find does.
      if (unit < 86'400 * kSecond) {
        return bound.sign == Bound::Sign::kMore   ? age > SaturatingTimes(bound.n, unit)
               : bound.sign == Bound::Sign::kLess ? age < SaturatingTimes(bound.n, unit)
                                                  : age > SaturatingTimes(bound.n - 1, unit) &&
                                                        age <= SaturatingTimes(bound.n, unit);
      }
      return bound.Holds(age / unit - (age < 0 && age % unit != 0 ? 1 : 0));
    });
  }

  // Coarse by one unit at each end: the exact test comes later.
  void NarrowAge(const Bound& bound, std::int64_t unit) {
    Narrowing& n = request_.narrowing;
    std::int64_t edge = 0;
    if (bound.sign != Bound::Sign::kMore &&
        !__builtin_sub_overflow(now_.ns, SaturatingTimes(bound.n + 1, unit), &edge)) {
      n.mtime_min_ns = std::max(n.mtime_min_ns.value_or(edge), edge);
    }
    if (bound.sign != Bound::Sign::kLess &&
        !__builtin_sub_overflow(now_.ns, SaturatingTimes(bound.n - 1, unit), &edge)) {
      n.mtime_max_ns = std::min(n.mtime_max_ns.value_or(edge), edge);
    }
  }

  Result<Part> Number(const std::string& word, const std::string& value) {
    const std::optional<Bound> bound = ParseBound(value);
    if (!bound) return Wrong(word + " takes [+|-]N, not '" + PrintablePath(value) + "'");
    const char which = word[1];
    return MakeTest([bound = *bound, which](const Candidate& c) {
      const EntryAttrs& a = c.node->attrs;
      switch (which) {
        case 'u':
          return bound.Holds(a.uid);
        case 'g':
          return bound.Holds(a.gid);
        case 'l':
          return bound.Holds(a.nlink);
        default:
          return bound.Holds(static_cast<std::int64_t>(a.inode));
      }
    });
  }

  Result<Part> Account(const std::string& word, const std::string& value) {
    const bool user = word == "-user";
    return MakeTest([user, value](const Candidate& c) {
      const std::uint32_t id = user ? c.node->attrs.uid : c.node->attrs.gid;
      return std::to_string(id) == value ||
             (user ? c.accounts->UserName(id) : c.accounts->GroupName(id)) == value;
    });
  }

  Result<Part> Permissions(const std::string&, const std::string& value) {
    std::string_view digits = value;
    const char how = digits.starts_with('-') || digits.starts_with('/') ? digits[0] : '=';
    if (how != '=') digits.remove_prefix(1);
    std::uint32_t bits = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), bits, 8);
    if (error != std::errc() || end != digits.data() + digits.size() || bits > 07777) {
      return Wrong("-perm takes octal digits: 644, -022 (all of them) or /222 (any), not '" +
                   PrintablePath(value) + "'");
    }
    return MakeTest([how, bits](const Candidate& c) {
      const std::uint32_t mode = c.node->attrs.mode & 07777;
      return how == '-'   ? (mode & bits) == bits
             : how == '/' ? bits == 0 || (mode & bits) != 0
                          : mode == bits;
    });
  }

  Result<Part> Plain(const std::string& word, const std::string&) {
    if (word == "-empty") {
      request_.needs_totals = true;
      return MakeTest([](const Candidate& c) {
        const Node& node = *c.node;
        if (!node.attrs.is_directory()) {
          return node.attrs.kind == EntryKind::kFile && node.attrs.size_bytes == 0;
        }
        return node.totals && node.totals->files == 0 && node.totals->directories == 1;
      });
    }
    const bool value = word == "-true";
    return MakeTest([value](const Candidate&) { return value; });
  }

  // What is about the whole run and no test of an entry.
  Result<Part> Setting(const std::string& word, const std::string& value) {
    if (nesting_ > 0 || (alternatives_ && word.starts_with("-print"))) {
      return Wrong(word + " holds for the whole search: write it outside of ( ), ! and -o");
    }
    if (word == "-print0") request_.zero = true;
    if (word == "--json") request_.json = true;
    if (word == "--wait") request_.wait = true;
    if (word == "--home") request_.home = value;
    if (word == "--url") request_.url = value;
    if (word == "--key") request_.key = value;
    if (word == "-maxdepth" || word == "-mindepth" || word == "-limit") {
      std::uint64_t n = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), n);
      if (error != std::errc() || end != value.data() + value.size()) {
        return Wrong(word + " takes a number, not '" + PrintablePath(value) + "'");
      }
      if (word == "-maxdepth") request_.depth_max = n;
      if (word == "-mindepth") request_.depth_min = n;
      if (word == "-limit") request_.limit = n;
    }
    return MakeTest([](const Candidate&) { return true; });
  }

  const std::vector<std::string>& args_;
  const WallTime now_;
  std::size_t at_ = 0;
  std::size_t nesting_ = 0;    // In parentheses or behind a negation.
  bool alternatives_ = false;  // There was an -o on the top level.
  FindRequest request_;
};

}  // namespace

Result<FindRequest> ParseFind(const std::vector<std::string>& args, WallTime now) {
  return Parser(args, now).Run();
}

}  // namespace fustor::client
