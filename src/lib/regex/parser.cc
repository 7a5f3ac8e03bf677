#include "lib/regex/parser.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <string>
#include <utility>

#include "base/path.h"

namespace fustor::regex {
namespace {

constexpr std::size_t kNestingMax = 100;
constexpr std::uint32_t kRepeatMax = 1000;

Status Wrong(std::string text) { return Status(Code::kInvalidArgument, std::move(text)); }

enum class Kind {
  kEnd,
  kByte,   // `text` is the byte.
  kClass,  // \w \W \s \S; `text` is the letter.
  kDot,
  kBracket,
  kLineBegin,
  kLineEnd,
  kOpen,
  kClose,
  kBar,
  kStar,
  kPlus,
  kQuestion,
  kInterval,
};

struct Token {
  Kind kind = Kind::kEnd;
  char text = '\0';
};

class Parser {
 public:
  Parser(std::string_view pattern, Syntax syntax)
      : pattern_(pattern),
        extended_(syntax == Syntax::kPosixExtended),
        basic_(syntax == Syntax::kPosixBasic),
        dot_is_all_(syntax != Syntax::kEmacs) {}

  Result<Node> Run() {
    FUSTOR_TRY_ASSIGN(Node node, Alternatives());
    if (at_ < pattern_.size()) return Wrong("there is a ')' too many");
    return node;
  }

 private:
  bool posix() const { return extended_ || basic_; }

  // What comes next; its length goes to `*size`.
  Token Peek(std::size_t* size) const {
    *size = 1;
    if (at_ == pattern_.size()) return {};
    const char c = pattern_[at_];
    if (c == '\\' && at_ + 1 < pattern_.size()) {
      *size = 2;
      return Escaped(pattern_[at_ + 1]);
    }
    switch (c) {
      case '.':
        return {Kind::kDot};
      case '[':
        return {Kind::kBracket};
      case '*':
        return {Kind::kStar, c};
      case '+':
        return {basic_ ? Kind::kByte : Kind::kPlus, c};
      case '?':
        return {basic_ ? Kind::kByte : Kind::kQuestion, c};
      case '^':
        return {extended_ || begins_ ? Kind::kLineBegin : Kind::kByte, c};
      case '$':
        return {extended_ || EndsBehind(at_ + 1) ? Kind::kLineEnd : Kind::kByte, c};
      case '(':
        return {extended_ ? Kind::kOpen : Kind::kByte, c};
      case ')':
        return {extended_ && depth_ > 0 ? Kind::kClose : Kind::kByte, c};
      case '|':
        return {extended_ ? Kind::kBar : Kind::kByte, c};
      case '{':
        return {extended_ ? Kind::kInterval : Kind::kByte, c};
      default:
        return {Kind::kByte, c};
    }
  }

  Token Escaped(char c) const {
    switch (c) {
      case '(':
        return {extended_ ? Kind::kByte : Kind::kOpen, c};
      case ')':
        return {extended_ ? Kind::kByte : Kind::kClose, c};
      case '|':
        return {extended_ ? Kind::kByte : Kind::kBar, c};
      case '{':
        return {basic_ ? Kind::kInterval : Kind::kByte, c};
      case '+':
        return {basic_ ? Kind::kPlus : Kind::kByte, c};
      case '?':
        return {basic_ ? Kind::kQuestion : Kind::kByte, c};
      case 'w':
      case 'W':
      case 's':
      case 'S':
        return {Kind::kClass, c};
      default:
        return {Kind::kByte, c};
    }
  }

  bool EndsBehind(std::size_t at) const {
    const std::string_view rest = pattern_.substr(at);
    return rest.empty() || rest.starts_with("\\)") || rest.starts_with("\\|");
  }

  Result<Node> Alternatives() {
    if (depth_ > kNestingMax) return Wrong("too many parentheses");
    Node node{.kind = Node::Kind::kAlternatives};
    for (;;) {
      begins_ = true;
      FUSTOR_TRY_ASSIGN(Node part, Sequence());
      node.parts.push_back(std::move(part));
      std::size_t size = 0;
      if (Peek(&size).kind != Kind::kBar) return node;
      at_ += size;
    }
  }

  Result<Node> Sequence() {
    Node node{.kind = Node::Kind::kSequence};
    std::size_t repeats_in_a_row = 0;
    for (;;) {
      std::size_t size = 0;
      const Token token = Peek(&size);
      if (token.kind == Kind::kEnd || token.kind == Kind::kBar || token.kind == Kind::kClose) {
        return node;
      }
      const bool repeats = token.kind == Kind::kStar || token.kind == Kind::kPlus ||
                           token.kind == Kind::kQuestion || token.kind == Kind::kInterval;
      if (repeats && begins_) {
        if (posix() && (extended_ || token.kind == Kind::kInterval)) {
          return Wrong(std::string("nothing stands before '") + token.text + "'");
        }
        at_ += size;
        node.parts.push_back(Byte(token.text));  // As it stands.
      } else if (repeats) {
        if (++repeats_in_a_row > kNestingMax) return Wrong("too many repetitions in a row");
        FUSTOR_TRY(Repeat(token.kind, size, &node.parts.back()));
        continue;
      } else {
        FUSTOR_TRY_ASSIGN(Node atom, Atom(token, size));
        const bool anchor = atom.kind == Node::Kind::kLineBegin;
        node.parts.push_back(std::move(atom));
        repeats_in_a_row = 0;
        begins_ = anchor;  // A star behind '^' stands for itself.
        continue;
      }
      begins_ = false;
    }
  }

  Status Repeat(Kind kind, std::size_t size, Node* last) {
    at_ += size;
    Node node{.kind = Node::Kind::kRepeat, .most = kNoLimit};
    if (kind == Kind::kPlus) node.least = 1;
    if (kind == Kind::kQuestion) node.most = 1;
    if (kind == Kind::kInterval) FUSTOR_TRY(Interval(&node));
    node.parts.push_back(std::move(*last));
    *last = std::move(node);
    return {};
  }

  // "2}", "2,}", ",3}", "2,3}"
  Status Interval(Node* node) {
    const auto number = [this]() -> std::optional<std::uint32_t> {
      std::optional<std::uint32_t> n;
      while (at_ < pattern_.size() && std::isdigit(static_cast<unsigned char>(pattern_[at_]))) {
        n = std::min(n.value_or(0) * 10 + static_cast<std::uint32_t>(pattern_[at_++] - '0'),
                     kRepeatMax + 1);
      }
      return n;
    };
    const std::optional<std::uint32_t> least = number();
    std::optional<std::uint32_t> most = least;
    const bool comma = at_ < pattern_.size() && pattern_[at_] == ',';
    if (comma) {
      ++at_;
      most = number();
    }
    const std::string_view end = basic_ ? "\\}" : "}";
    if (!pattern_.substr(at_).starts_with(end) || (!least && !comma)) {
      return Wrong("a '{' is not followed by numbers and '}'");
    }
    at_ += end.size();
    node->least = least.value_or(0);
    node->most = most.value_or(kNoLimit);
    if (node->least > node->most) return Wrong("an interval {n,m} has n above m");
    if (node->least > kRepeatMax || (most && *most > kRepeatMax)) {
      return Wrong("an interval repeats more than " + std::to_string(kRepeatMax) + " times");
    }
    return {};
  }

  Result<Node> Atom(const Token& token, std::size_t size) {
    if (token.kind == Kind::kBracket) return Bracket();
    const bool escaped = size == 2;
    at_ += size;
    switch (token.kind) {
      case Kind::kOpen:
        return Group();
      case Kind::kDot: {
        Node node{.kind = Node::Kind::kBytes};
        node.bytes.set();
        if (!dot_is_all_) node.bytes.reset('\n');
        return node;
      }
      case Kind::kLineBegin:
        return Node{.kind = Node::Kind::kLineBegin};
      case Kind::kLineEnd:
        return Node{.kind = Node::Kind::kLineEnd};
      case Kind::kClass:
        return LetterClass(token.text);
      default:
        break;
    }
    if (escaped && token.text >= '1' && token.text <= '9') {
      return Wrong(std::string("back references (\\") + token.text + ") are not read here");
    }
    if (escaped && std::string_view("bB<>`'").find(token.text) != std::string_view::npos) {
      return Wrong(std::string("\\") + token.text + " is not read here");
    }
    if (!escaped && token.text == '\\') return Wrong("a '\\' stands at the end");
    return Byte(token.text);
  }

  Result<Node> Group() {
    ++depth_;
    FUSTOR_TRY_ASSIGN(Node inner, Alternatives());
    std::size_t size = 0;
    if (Peek(&size).kind != Kind::kClose) return Wrong("a '(' is not closed");
    at_ += size;
    --depth_;
    return inner;
  }

  static Node Byte(char c) {
    Node node{.kind = Node::Kind::kBytes};
    node.bytes.set(static_cast<unsigned char>(c));
    return node;
  }

  static Node LetterClass(char letter) {
    Node node{.kind = Node::Kind::kBytes};
    for (int b = 0; b < 128; ++b) {
      const bool word = std::isalnum(b) != 0 || b == '_';
      if ((letter == 'w' || letter == 'W') ? word : std::isspace(b) != 0) {
        node.bytes.set(static_cast<std::size_t>(b));
      }
    }
    if (letter == 'W' || letter == 'S') node.bytes.flip();
    return node;
  }

  Result<Node> Bracket() {
    ++at_;
    Node node{.kind = Node::Kind::kBytes};
    const bool negative = at_ < pattern_.size() && pattern_[at_] == '^';
    if (negative) ++at_;
    for (bool first = true;; first = false) {
      if (at_ == pattern_.size()) return Wrong("a '[' is not closed");
      if (pattern_[at_] == ']' && !first) break;
      if (posix() && pattern_.substr(at_).starts_with("[:")) {
        FUSTOR_TRY(NamedClass(&node.bytes));
        continue;
      }
      if (posix() &&
          (pattern_.substr(at_).starts_with("[.") || pattern_.substr(at_).starts_with("[="))) {
        return Wrong("[. .] and [= =] are not read here");
      }
      FUSTOR_TRY(Range(&node.bytes));
    }
    ++at_;
    if (negative) node.bytes.flip();
    return node;
  }

  Status Range(std::bitset<256>* bytes) {
    const auto from = static_cast<unsigned char>(pattern_[at_++]);
    auto to = from;
    if (at_ + 1 < pattern_.size() && pattern_[at_] == '-' && pattern_[at_ + 1] != ']') {
      to = static_cast<unsigned char>(pattern_[at_ + 1]);
      at_ += 2;
      if (from > to && posix()) return Wrong("a range in [] runs backwards");
    }
    for (unsigned b = from; b <= to; ++b) bytes->set(b);
    return {};
  }

  Status NamedClass(std::bitset<256>* bytes) {
    const std::size_t end = pattern_.find(":]", at_ + 2);
    if (end == std::string_view::npos) return Wrong("a '[:' is not closed");
    const std::string_view name = pattern_.substr(at_ + 2, end - at_ - 2);
    at_ = end + 2;
    static constexpr std::pair<std::string_view, int (*)(int)> kClasses[] = {
        {"alpha", std::isalpha}, {"digit", std::isdigit},   {"alnum", std::isalnum},
        {"upper", std::isupper}, {"lower", std::islower},   {"space", std::isspace},
        {"blank", std::isblank}, {"punct", std::ispunct},   {"print", std::isprint},
        {"graph", std::isgraph}, {"xdigit", std::isxdigit}, {"cntrl", std::iscntrl},
    };
    for (const auto& [known, holds] : kClasses) {
      if (known != name) continue;
      for (int b = 0; b < 128; ++b) {
        if (holds(b) != 0) bytes->set(static_cast<std::size_t>(b));
      }
      return {};
    }
    return Wrong("there is no class [:" + PrintablePath(name) + ":]");
  }

  const std::string_view pattern_;
  const bool extended_, basic_, dot_is_all_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  bool begins_ = true;  // Nothing stands before on this level that could be repeated.
};

}  // namespace

Result<Node> Parse(std::string_view pattern, Syntax syntax) {
  return Parser(pattern, syntax).Run();
}

}  // namespace fustor::regex
