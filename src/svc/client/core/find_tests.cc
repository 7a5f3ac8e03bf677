#include "svc/client/core/find_tests.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include "base/path.h"
#include "lib/tree/search.h"

namespace fustor::client {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kDay = 86'400 * kSecond;
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

Status Wrong(std::string text) { return Status(Code::kInvalidArgument, std::move(text)); }

Status NotANumber(const std::string& word, const std::string& value) {
  return Wrong(word + " takes [+|-]N, not '" + PrintablePath(value) + "'");
}

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
  return __builtin_mul_overflow(a, b, &product) ? kMost : product;
}

// Saturating, too.
std::int64_t Difference(std::int64_t a, std::int64_t b) {
  std::int64_t difference = 0;
  if (!__builtin_sub_overflow(a, b, &difference)) return difference;
  return b < 0 ? kMost : std::numeric_limits<std::int64_t>::min();
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

// Fusion's glob also matches whole paths, and its substring any case: both are coarser.
std::string CoarsePattern(const std::string& value, bool any_case) {
  const bool pattern = tree::Glob::IsPattern(value);
  const bool escaped = value.find('\\') != std::string::npos;
  std::string coarse = value;
  if (pattern ? any_case : escaped) coarse = LongestLiteral(value);
  // An escaped star that became a literal would be read as a star again.
  if (coarse != value && tree::Glob::IsPattern(coarse)) coarse.clear();
  return coarse;
}

using Text = std::string_view (*)(const Candidate&);

std::string_view NameText(const Candidate& c) { return FindNameOf(c.shown); }
std::string_view PathText(const Candidate& c) { return c.shown; }
std::string_view TargetText(const Candidate& c) { return c.node->target; }

bool IsSymlink(const Candidate& c) { return c.node->attrs.kind == EntryKind::kSymlink; }

Result<FindPart> Name(const std::string& word, const std::string& value, FindSetting* setting) {
  const bool any_case = word[1] == 'i';
  const bool of_link = word.ends_with("lname");
  const bool of_path = word.ends_with("path") || word.ends_with("wholename");
  const Text text = of_link ? TargetText : of_path ? PathText : NameText;
  const tree::Glob glob(any_case ? Lower(value) : value);
  Narrowing narrowing;
  if (of_link) {
    narrowing.type = "symlink";
    setting->needs_attributes = true;
  } else if (!of_path) {
    narrowing.pattern = CoarsePattern(value, any_case);
  }
  return MakeTest(
      [glob, any_case, text, of_link](const Candidate& c) {
        if (of_link && !IsSymlink(c)) return false;
        return glob.Matches(any_case ? Lower(text(c)) : std::string(text(c)));
      },
      std::move(narrowing));
}

Result<FindPart> Regex(const std::string& word, const std::string& value, FindSetting* setting) {
  Result<regex::Regex> compiled = regex::Regex::Compile(value, setting->syntax, word[1] == 'i');
  if (!compiled.ok()) {
    return Wrong(word + " '" + PrintablePath(value) + "': " + compiled.status().message());
  }
  return MakeTest(
      [regex = *std::move(compiled)](const Candidate& c) { return regex.MatchesWhole(c.shown); });
}

Result<FindPart> Type(const std::string&, const std::string& value, FindSetting*) {
  constexpr std::string_view kLetters = "fdlpsbc";
  constexpr std::array<std::uint32_t, 7> kTypes = {010, 04, 012, 01, 014, 06, 02};
  const Status wrong = Wrong("-type takes f, d, l, p, s, b or c, with commas between, not '" +
                             PrintablePath(value) + "'");
  if (value.size() % 2 == 0) return wrong;
  std::uint32_t types = 0;  // A bit for each value of st_mode's type, shifted down.
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (i % 2 == 1) {
      if (value[i] != ',') return wrong;
      continue;
    }
    const std::size_t letter = kLetters.find(value[i]);
    if (letter == std::string_view::npos) return wrong;
    types |= 1u << kTypes[letter];
  }
  Narrowing narrowing;
  if (value.size() == 1) {
    narrowing.type = value == "f"   ? "file"
                     : value == "d" ? "directory"
                     : value == "l" ? "symlink"
                                    : "other";
  }
  return MakeTest(
      [types](const Candidate& c) {
        return (types >> ((c.node->attrs.mode >> 12) & 017) & 1) != 0;
      },
      std::move(narrowing));
}

Narrowing NarrowSize(const Bound& bound, std::int64_t unit) {
  Narrowing narrowing;
  const std::int64_t top = SaturatingTimes(bound.n, unit);
  if (bound.sign == Bound::Sign::kMore) {
    if (top < kMost) narrowing.size_min_bytes = top + 1;
  } else {
    narrowing.size_max_bytes =
        bound.sign == Bound::Sign::kExact ? top : std::max<std::int64_t>(0, top - unit);
  }
  return narrowing;
}

Result<FindPart> Size(const std::string&, const std::string& value, FindSetting*) {
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
  if (!bound) return Wrong("-size takes [+|-]N[cwbkMG], not '" + PrintablePath(value) + "'");
  return MakeTest(
      [bound = *bound, unit](const Candidate& c) {
        const std::int64_t size = c.node->attrs.size_bytes;
        return bound.Holds(size / unit + (size % unit != 0 ? 1 : 0));
      },
      NarrowSize(*bound, unit));
}

std::int64_t TimeOf(char which, const EntryAttrs& a) {
  return which == 'm' ? a.mtime_ns : which == 'c' ? a.ctime_ns : a.atime_ns;
}

// Coarse by one unit at each end: the exact test comes later.
Narrowing NarrowAge(const Bound& bound, std::int64_t unit, WallTime now) {
  Narrowing narrowing;
  std::int64_t edge = 0;
  if (bound.sign != Bound::Sign::kMore &&
      !__builtin_sub_overflow(now.ns, SaturatingTimes(bound.n + 1, unit), &edge)) {
    narrowing.mtime_min_ns = edge;
  }
  if (bound.sign != Bound::Sign::kLess &&
      !__builtin_sub_overflow(now.ns, SaturatingTimes(bound.n - 1, unit), &edge)) {
    narrowing.mtime_max_ns = edge;
  }
  return narrowing;
}

Result<FindPart> Age(const std::string& word, const std::string& value, FindSetting* setting) {
  const std::optional<Bound> bound = ParseBound(value);
  if (!bound || bound->n == kMost) return NotANumber(word, value);
  const std::int64_t unit = word.ends_with("min") ? 60 * kSecond : kDay;
  const char which = word[1];
  return MakeTest(
      [bound = *bound, unit, which, now = setting->now](const Candidate& c) {
        const std::int64_t age = Difference(now.ns, TimeOf(which, c.node->attrs));
        // Days are whole days gone by; minutes count the begun one, as find does.
        if (unit < kDay) {
          const std::int64_t end = SaturatingTimes(bound.n, unit);
          return bound.sign == Bound::Sign::kMore   ? age > end
                 : bound.sign == Bound::Sign::kLess ? age < end
                                                    : age > end - unit && age <= end;
        }
        return bound.Holds(age / unit - (age < 0 && age % unit != 0 ? 1 : 0));
      },
      which == 'm' ? NarrowAge(*bound, unit, setting->now) : Narrowing());
}

FindPart NewerThanFile(char which, char of_reference, const std::string& file,
                       FindSetting* setting) {
  const std::size_t index = setting->references.size();
  setting->references.push_back(file);
  return MakeTest([which, of_reference, index](const Candidate& c) {
    const FileTimes& times = c.context->references[index];
    const std::int64_t then = of_reference == 'm'   ? times.mtime_ns
                              : of_reference == 'c' ? times.ctime_ns
                                                    : times.atime_ns;
    return TimeOf(which, c.node->attrs) > then;
  });
}

// -newer, -anewer, -cnewer, -newerXY
Result<FindPart> Newer(const std::string& word, const std::string& value, FindSetting* setting) {
  if (!word.starts_with("-newer") || word.size() == 6) {
    return NewerThanFile(word[1] == 'n' ? 'm' : word[1], 'm', value, setting);
  }
  const char which = word[6], of_reference = word[7];
  if (of_reference != 't') return NewerThanFile(which, of_reference, value, setting);
  const Result<WallTime> then = ParseDate(value, setting->now, *setting->clock);
  if (!then.ok()) return Wrong(word + ": " + then.status().message());
  Narrowing narrowing;
  if (which == 'm') narrowing.mtime_min_ns = then->ns;
  return MakeTest(
      [which, then = then->ns](const Candidate& c) { return TimeOf(which, c.node->attrs) > then; },
      std::move(narrowing));
}

Result<FindPart> Number(const std::string& word, const std::string& value, FindSetting*) {
  const std::optional<Bound> bound = ParseBound(value);
  if (!bound) return NotANumber(word, value);
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

std::string AccountName(bool user, const Candidate& c) {
  const Accounts& accounts = *c.context->accounts;
  return user ? accounts.UserName(c.node->attrs.uid) : accounts.GroupName(c.node->attrs.gid);
}

Result<FindPart> Account(const std::string& word, const std::string& value, FindSetting* setting) {
  const bool user = word == "-user";
  if (value.empty()) return Wrong(word + " needs a name or a number");
  if (value.find_first_not_of("0123456789") != std::string::npos) {
    (user ? setting->users : setting->groups).push_back(value);
  }
  return MakeTest([user, value](const Candidate& c) {
    const std::uint32_t id = user ? c.node->attrs.uid : c.node->attrs.gid;
    return std::to_string(id) == value || AccountName(user, c) == value;
  });
}

Result<FindPart> Nobody(const std::string& word, const std::string&, FindSetting*) {
  const bool user = word == "-nouser";
  return MakeTest([user](const Candidate& c) {
    const std::uint32_t id = user ? c.node->attrs.uid : c.node->attrs.gid;
    return AccountName(user, c) == std::to_string(id);
  });
}

Result<FindPart> Permissions(const std::string&, const std::string& value, FindSetting*) {
  const std::optional<mode::ModeTest> test = mode::ParseModeTest(value);
  if (!test) {
    return Wrong(
        "-perm takes octal digits or u=rw,g+r: 644, -022 (all of them) or /222 (any), not '" +
        PrintablePath(value) + "'");
  }
  return MakeTest([test = *test](const Candidate& c) {
    return test.Passes(c.node->attrs.mode, c.node->attrs.is_directory());
  });
}

Result<FindPart> Empty(const std::string&, const std::string&, FindSetting* setting) {
  setting->needs_totals = true;
  return MakeTest([](const Candidate& c) {
    const Node& node = *c.node;
    if (!node.attrs.is_directory()) {
      return node.attrs.kind == EntryKind::kFile && node.attrs.size_bytes == 0;
    }
    return node.totals && node.totals->files == 0 && node.totals->directories == 1;
  });
}

Result<FindPart> Constant(const std::string& word, const std::string&, FindSetting*) {
  const bool value = word == "-true";
  return MakeTest([value](const Candidate&) { return value; });
}

struct Rule {
  std::string_view word;
  bool takes_value = true;
  bool names_only = false;  // Needs nothing but the path.
  Result<FindPart> (*parse)(const std::string& word, const std::string& value,
                            FindSetting*) = nullptr;
};

constexpr std::array kRules = {
    Rule{"-name", true, true, Name},         Rule{"-iname", true, true, Name},
    Rule{"-path", true, true, Name},         Rule{"-ipath", true, true, Name},
    Rule{"-wholename", true, true, Name},    Rule{"-iwholename", true, true, Name},
    Rule{"-lname", true, false, Name},       Rule{"-ilname", true, false, Name},
    Rule{"-regex", true, true, Regex},       Rule{"-iregex", true, true, Regex},
    Rule{"-type", true, false, Type},        Rule{"-size", true, false, Size},
    Rule{"-empty", false, false, Empty},     Rule{"-mtime", true, false, Age},
    Rule{"-mmin", true, false, Age},         Rule{"-ctime", true, false, Age},
    Rule{"-cmin", true, false, Age},         Rule{"-atime", true, false, Age},
    Rule{"-amin", true, false, Age},         Rule{"-newer", true, false, Newer},
    Rule{"-anewer", true, false, Newer},     Rule{"-cnewer", true, false, Newer},
    Rule{"-newermt", true, false, Newer},    Rule{"-newerct", true, false, Newer},
    Rule{"-newerat", true, false, Newer},    Rule{"-newermm", true, false, Newer},
    Rule{"-newermc", true, false, Newer},    Rule{"-newerma", true, false, Newer},
    Rule{"-newercm", true, false, Newer},    Rule{"-newercc", true, false, Newer},
    Rule{"-newerca", true, false, Newer},    Rule{"-neweram", true, false, Newer},
    Rule{"-newerac", true, false, Newer},    Rule{"-neweraa", true, false, Newer},
    Rule{"-user", true, false, Account},     Rule{"-group", true, false, Account},
    Rule{"-nouser", false, false, Nobody},   Rule{"-nogroup", false, false, Nobody},
    Rule{"-uid", true, false, Number},       Rule{"-gid", true, false, Number},
    Rule{"-links", true, false, Number},     Rule{"-inum", true, false, Number},
    Rule{"-perm", true, false, Permissions}, Rule{"-true", false, true, Constant},
    Rule{"-false", false, true, Constant},
};

const Rule* RuleOf(std::string_view word) {
  const auto* const rule =
      std::find_if(kRules.begin(), kRules.end(), [&](const Rule& r) { return r.word == word; });
  return rule == kRules.end() ? nullptr : rule;
}

}  // namespace

std::optional<bool> FindTestTakesValue(std::string_view word) {
  const Rule* rule = RuleOf(word);
  return rule == nullptr ? std::nullopt : std::optional(rule->takes_value);
}

std::vector<std::string_view> FindTestWords() {
  std::vector<std::string_view> words;
  for (const Rule& rule : kRules) words.push_back(rule.word);
  return words;
}

Result<FindPart> ParseFindTest(const std::string& word, const std::string& value,
                               FindSetting* setting) {
  const Rule* rule = RuleOf(word);
  FUSTOR_CHECK(rule != nullptr, "no such test");
  setting->needs_attributes |= !rule->names_only;
  return rule->parse(word, value, setting);
}

std::string_view FindNameOf(std::string_view shown) {
  while (shown.size() > 1 && shown.ends_with('/')) shown.remove_suffix(1);
  const std::size_t slash = shown.rfind('/');
  return slash == std::string_view::npos || shown.size() == 1 ? shown : shown.substr(slash + 1);
}

}  // namespace fustor::client
