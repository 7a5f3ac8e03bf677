#include "svc/client/core/find_format.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "base/path.h"
#include "svc/client/core/find_tests.h"
#include "svc/client/core/words.h"

namespace fustor::client {
namespace {

Status Wrong(std::string text) { return Status(Code::kInvalidArgument, std::move(text)); }

std::string Octal(std::uint32_t n) {
  std::array<char, 16> text;
  return {text.data(), static_cast<std::size_t>(std::snprintf(text.data(), text.size(), "%o", n))};
}

char TypeLetter(std::uint32_t mode) {
  const char letter = ModeText(mode)[0];
  return letter == '-' ? 'f' : letter;
}

// %h: all but the last element, by find's own rule for slashes at the end.
std::string_view DirectoryOf(std::string_view path) {
  std::string_view bare = path;
  while (bare.ends_with('/')) bare.remove_suffix(1);
  const std::size_t slash = bare.rfind('/');
  if (slash != std::string_view::npos) return bare.substr(0, slash);
  if (path.ends_with('/')) return path.substr(0, path.size() - 1);
  return ".";
}

// %f: the last element, with one slash at its end where the path has some.
std::string NameOf(std::string_view path) {
  std::string name(FindNameOf(path));
  if (path.size() > 1 && path.ends_with('/')) name += '/';
  return name;
}

// %P: without the starting point.
std::string_view BelowStart(const Candidate& c) {
  std::string_view below = c.shown.substr(std::min(c.start.size(), c.shown.size()));
  if (below.starts_with('/')) below.remove_prefix(1);
  return below;
}

std::uint64_t Blocks(const Candidate& c, std::int64_t unit) {
  const std::int64_t bytes = std::max<std::int64_t>(0, c.node->attrs.allocated_bytes);
  return static_cast<std::uint64_t>(bytes / unit + (bytes % unit != 0 ? 1 : 0));
}

// Why a directive of find is none here; empty: find does not have it either.
std::string_view WhyNot(char directive) {
  switch (directive) {
    case 'Y':
      return "what is behind a link is not known";
    case 'D':
    case 'F':
      return "devices and file systems are not known";
    case 'S':
      return "use %b and %s";
    case 'B':
      return "times of birth are not known";
    case 'Z':
      return "security contexts are not known";
    default:
      return "";
  }
}

}  // namespace

class FindFormat::Parser {
 public:
  explicit Parser(std::string_view format) : rest_(format) {}

  Result<FindFormat> Run() {
    while (!rest_.empty() && !done_) {
      const char c = Take();
      if (c == '\\') {
        FUSTOR_TRY(Escape());
      } else if (c == '%') {
        FUSTOR_TRY(Directive());
      } else {
        Literal(c);
      }
    }
    return std::move(format_);
  }

 private:
  char Take() {
    const char c = rest_[0];
    rest_.remove_prefix(1);
    return c;
  }

  void Literal(char c) {
    if (format_.pieces_.empty() || format_.pieces_.back().directive != '\0') {
      format_.pieces_.emplace_back();
    }
    format_.pieces_.back().text += c;
  }

  Status Escape() {
    if (rest_.empty()) return Wrong("-printf: a '\\' stands at the end");
    if (rest_[0] >= '0' && rest_[0] <= '7') {
      unsigned byte = 0;
      for (int i = 0; i < 3 && !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '7'; ++i) {
        byte = byte * 8 + static_cast<unsigned>(Take() - '0');
      }
      Literal(static_cast<char>(byte));
      return {};
    }
    const char c = Take();
    constexpr std::string_view kLetters = "abfnrtv\\";
    constexpr std::string_view kBytes = "\a\b\f\n\r\t\v\\";
    const std::size_t found = kLetters.find(c);
    if (c == 'c') {
      done_ = true;
    } else if (found != std::string_view::npos) {
      Literal(kBytes[found]);
    } else {
      return Wrong("-printf knows no '\\" + PrintablePath({&c, 1}) + "'");
    }
    return {};
  }

  std::optional<std::size_t> Number() {
    std::optional<std::size_t> n;
    while (!rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9') {
      n = std::min<std::size_t>(n.value_or(0) * 10 + static_cast<std::size_t>(Take() - '0'),
                                kWidthMax + 1);
    }
    return n;
  }

  Status Directive() {
    Piece piece;
    while (!rest_.empty() && std::string_view("-+ #0").find(rest_[0]) != std::string_view::npos) {
      piece.text += Take();
    }
    piece.width = Number().value_or(0);
    if (rest_.starts_with('.')) {
      Take();
      piece.precision = Number().value_or(0);
    }
    if (piece.width > kWidthMax || piece.precision.value_or(0) > kWidthMax) {
      return Wrong("-printf: a width is above " + std::to_string(kWidthMax));
    }
    if (rest_.empty()) return Wrong("-printf: a '%' stands at the end");
    piece.directive = Take();
    const std::string name = std::string("'%") + PrintablePath({&piece.directive, 1}) + "'";
    if (piece.directive == '%') {
      Literal('%');
      return {};
    }
    constexpr std::string_view kPaths = "pfhPHd", kOthers = "smMugUGyinlkbtacACT";
    if (std::string_view(kPaths).find(piece.directive) == std::string_view::npos) {
      if (kOthers.find(piece.directive) == std::string_view::npos) {
        const std::string_view why = WhyNot(piece.directive);
        return Wrong(why.empty() ? "-printf knows no " + name
                                 : "-printf: " + name + " is not here: " + std::string(why));
      }
      format_.needs_attributes_ = true;
    }
    if (piece.directive == 'A' || piece.directive == 'C' || piece.directive == 'T') {
      if (rest_.empty()) return Wrong("-printf: " + name + " needs a letter behind it");
      piece.time = Take();
      if (!FormatTimeField(piece.time, 0, kNowhere)) {
        return Wrong("-printf: no field of a time is called '" + PrintablePath({&piece.time, 1}) +
                     "'");
      }
    }
    format_.pieces_.push_back(std::move(piece));
    return {};
  }

  static constexpr std::size_t kWidthMax = 10'000;
  struct Nowhere final : LocalClock {
    Civil LocalTime(WallTime) const override { return {}; }
  };
  const Nowhere kNowhere;

  std::string_view rest_;
  FindFormat format_;
  bool done_ = false;
};

Result<FindFormat> FindFormat::Parse(std::string_view format) { return Parser(format).Run(); }

std::string FindFormat::Value(const Piece& piece, const Candidate& c) {
  const EntryAttrs& a = c.node->attrs;
  const FindContext& context = *c.context;
  const auto name = [&context](std::string_view text) {
    return context.on_terminal ? HarmlessText(text) : std::string(text);
  };
  switch (piece.directive) {
    case 'p':
      return name(c.shown);
    case 'f':
      return name(NameOf(c.shown));
    case 'h':
      return name(DirectoryOf(c.shown));
    case 'P':
      return name(BelowStart(c));
    case 'H':
      return name(c.start);
    case 'l':
      return name(c.node->target);
    case 'd':
      return (piece.text.find('+') != std::string::npos ? "+" : "") + std::to_string(c.depth);
    case 's':
      return std::to_string(a.size_bytes);
    case 'm':
      return (piece.text.find('#') != std::string::npos ? "0" : "") + Octal(a.mode & 07777);
    case 'M':
      return ModeText(a.mode);
    case 'y':
      return {TypeLetter(a.mode)};
    case 'u':
      return name(context.accounts->UserName(a.uid));
    case 'g':
      return name(context.accounts->GroupName(a.gid));
    case 'U':
      return std::to_string(a.uid);
    case 'G':
      return std::to_string(a.gid);
    case 'i':
      return std::to_string(a.inode);
    case 'n':
      return std::to_string(a.nlink);
    case 'k':
      return std::to_string(Blocks(c, 1024));
    case 'b':
      return std::to_string(Blocks(c, 512));
    case 't':
      return FormatTimeLong(a.mtime_ns, *context.clock);
    case 'a':
      return FormatTimeLong(a.atime_ns, *context.clock);
    case 'c':
      return FormatTimeLong(a.ctime_ns, *context.clock);
    default: {
      const std::int64_t ns = piece.directive == 'T'   ? a.mtime_ns
                              : piece.directive == 'A' ? a.atime_ns
                                                       : a.ctime_ns;
      return FormatTimeField(piece.time, ns, *context.clock).value_or("");
    }
  }
}

void FindFormat::Append(const Candidate& candidate, std::string* out) const {
  for (const Piece& piece : pieces_) {
    if (piece.directive == '\0') {
      *out += piece.text;
      continue;
    }
    std::string value = Value(piece, candidate);
    const bool number = piece.directive == 'm' || piece.directive == 'd';
    if (piece.precision && !number) value.resize(std::min(value.size(), *piece.precision));
    const std::size_t missing = piece.width - std::min(piece.width, value.size());
    if (piece.text.find('-') != std::string::npos) {
      *out += value.append(missing, ' ');
    } else {
      const bool zeros = number && piece.text.find('0') != std::string::npos;
      *out += std::string(missing, zeros ? '0' : ' ') + value;
    }
  }
}

namespace {

// As find -ls writes names, whoever reads.
std::string Escaped(std::string_view name) {
  constexpr std::string_view kLetters = "abfnrt";
  constexpr std::string_view kBytes = "\a\b\f\n\r\t";
  std::string out;
  for (const char c : name) {
    const std::size_t found = kBytes.find(c);
    const auto byte = static_cast<unsigned char>(c);
    if (c == ' ' || c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (found != std::string_view::npos && c != '\a') {
      out += {'\\', kLetters[found]};
    } else if (byte > 0x20 && byte < 0x7F) {
      out += c;
    } else {
      out += {'\\', static_cast<char>('0' + (byte >> 6)), static_cast<char>('0' + (byte >> 3 & 7)),
              static_cast<char>('0' + (byte & 7))};
    }
  }
  return out;
}

std::string Cell(std::string text, bool right, std::size_t* width) {
  *width = std::max(*width, text.size());
  const std::string space(*width - text.size(), ' ');
  return right ? space + text + " " : text + space + " ";
}

}  // namespace

std::string FindListing::Line(const Candidate& c) {
  const EntryAttrs& a = c.node->attrs;
  const FindContext& context = *c.context;
  std::string line = Cell(std::to_string(a.inode), true, &inode_);
  line += Cell(std::to_string(Blocks(c, 1024)), true, &blocks_);
  line += ModeText(a.mode) + " ";
  line += Cell(std::to_string(a.nlink), true, &links_);
  line += Cell(Escaped(context.accounts->UserName(a.uid)), false, &user_);
  line += Cell(Escaped(context.accounts->GroupName(a.gid)), false, &group_);
  line += Cell(std::to_string(a.size_bytes), true, &size_);
  line += FormatTimeShort(a.mtime_ns, context.now, *context.clock) + " " + Escaped(c.shown);
  if (a.kind == EntryKind::kSymlink) line += " -> " + Escaped(c.node->target);
  return line + "\n";
}

}  // namespace fustor::client
