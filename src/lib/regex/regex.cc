#include "lib/regex/regex.h"

#include <algorithm>
#include <utility>

#include "lib/regex/parser.h"

namespace fustor::regex {
namespace {

// Upper and lower case as one.
void FoldCase(Node* node) {
  if (node->kind == Node::Kind::kBytes) {
    for (std::size_t lower = 'a'; lower <= 'z'; ++lower) {
      const std::size_t upper = lower - 'a' + 'A';
      const bool either = node->bytes[lower] || node->bytes[upper];
      node->bytes[lower] = either;
      node->bytes[upper] = either;
    }
  }
  for (Node& part : node->parts) FoldCase(&part);
}

// With anything before and behind.
Node Surrounded(Node node) {
  Node any{.kind = Node::Kind::kBytes};
  any.bytes.set();
  Node anything{.kind = Node::Kind::kRepeat, .most = kNoLimit};
  anything.parts.push_back(std::move(any));
  Node all{.kind = Node::Kind::kSequence};
  all.parts = {anything, std::move(node), anything};
  return all;
}

}  // namespace

// Writes the program from its end: each piece is told where to go on.
class Emitter {
 public:
  Emitter(Regex* regex, std::size_t instructions_max)
      : regex_(*regex), instructions_max_(instructions_max) {}

  Result<std::uint32_t> Emit(const Node& node, std::uint32_t next) {
    using Kind = Regex::Instruction::Kind;
    if (++pieces_ > instructions_max_) return Status(Code::kInvalidArgument, "it is too large");
    switch (node.kind) {
      case Node::Kind::kBytes:
        regex_.sets_.push_back(node.bytes);
        return Add({Kind::kBytes, next, static_cast<std::uint32_t>(regex_.sets_.size() - 1)});
      case Node::Kind::kLineBegin:
        return Add({Kind::kLineBegin, next});
      case Node::Kind::kLineEnd:
        return Add({Kind::kLineEnd, next});
      case Node::Kind::kSequence: {
        for (auto part = node.parts.rbegin(); part != node.parts.rend(); ++part) {
          FUSTOR_TRY_ASSIGN(next, Emit(*part, next));
        }
        return next;
      }
      case Node::Kind::kAlternatives: {
        FUSTOR_TRY_ASSIGN(std::uint32_t all, Emit(node.parts.back(), next));
        for (auto part = node.parts.rbegin() + 1; part != node.parts.rend(); ++part) {
          FUSTOR_TRY_ASSIGN(const std::uint32_t one, Emit(*part, next));
          FUSTOR_TRY_ASSIGN(all, Add({Kind::kSplit, one, all}));
        }
        return all;
      }
      case Node::Kind::kRepeat:
        return EmitRepeat(node, next);
    }
    return next;
  }

  Result<std::uint32_t> Add(Regex::Instruction instruction) {
    if (regex_.program_.size() >= instructions_max_) {
      return Status(Code::kInvalidArgument, "it is too large");
    }
    regex_.program_.push_back(instruction);
    return static_cast<std::uint32_t>(regex_.program_.size() - 1);
  }

 private:
  Result<std::uint32_t> EmitRepeat(const Node& node, std::uint32_t next) {
    using Kind = Regex::Instruction::Kind;
    const Node& part = node.parts[0];
    const std::uint32_t after = next;
    if (node.most == kNoLimit) {
      FUSTOR_TRY_ASSIGN(const std::uint32_t loop, Add({Kind::kSplit, 0, after}));
      FUSTOR_TRY_ASSIGN(const std::uint32_t body, Emit(part, loop));
      regex_.program_[loop].next = body;
      next = loop;
    } else {
      for (std::uint32_t i = node.least; i < node.most; ++i) {
        FUSTOR_TRY_ASSIGN(const std::uint32_t body, Emit(part, next));
        FUSTOR_TRY_ASSIGN(next, Add({Kind::kSplit, body, after}));
      }
    }
    for (std::uint32_t i = 0; i < node.least; ++i) {
      FUSTOR_TRY_ASSIGN(next, Emit(part, next));
    }
    return next;
  }

  Regex& regex_;
  const std::size_t instructions_max_;
  std::size_t pieces_ = 0;  // An interval of nothing writes nothing, but takes its time.
};

std::optional<Syntax> SyntaxByName(std::string_view name) {
  static constexpr std::pair<std::string_view, Syntax> kNames[] = {
      {"findutils-default", Syntax::kFindDefault}, {"emacs", Syntax::kEmacs},
      {"posix-basic", Syntax::kPosixBasic},        {"sed", Syntax::kPosixBasic},
      {"posix-extended", Syntax::kPosixExtended},
  };
  for (const auto& [known, syntax] : kNames) {
    if (known == name) return syntax;
  }
  return std::nullopt;
}

Result<Regex> Regex::Compile(std::string_view pattern, Syntax syntax, bool any_case) {
  return Compile(pattern, {.syntax = syntax, .any_case = any_case});
}

Result<Regex> Regex::Compile(std::string_view pattern, const Options& options) {
  FUSTOR_TRY_ASSIGN(Node node, Parse(pattern, options.syntax));
  if (options.any_case) FoldCase(&node);
  if (options.anywhere) node = Surrounded(std::move(node));
  Regex regex;
  Emitter emitter(&regex, options.instructions_max);
  FUSTOR_TRY_ASSIGN(const std::uint32_t match, emitter.Add({Instruction::Kind::kMatch}));
  FUSTOR_TRY_ASSIGN(const std::uint32_t begin, emitter.Emit(node, match));
  // A place to begin at, so that the program begins at its last instruction.
  FUSTOR_TRY(emitter.Add({Instruction::Kind::kSplit, begin, begin}));
  return regex;
}

void Regex::Close(std::uint32_t place, bool line_begin, bool line_end, Places* out,
                  std::vector<bool>* seen) const {
  std::vector<std::uint32_t> todo = {place};
  while (!todo.empty()) {
    const std::uint32_t at = todo.back();
    todo.pop_back();
    if ((*seen)[at]) continue;
    (*seen)[at] = true;
    const Instruction& instruction = program_[at];
    switch (instruction.kind) {
      case Instruction::Kind::kSplit:
        todo.push_back(instruction.next);
        todo.push_back(instruction.other);
        break;
      case Instruction::Kind::kLineBegin:
        if (line_begin) todo.push_back(instruction.next);
        break;
      case Instruction::Kind::kLineEnd:
        // Whether it holds is known with the next byte.
        if (line_end) {
          todo.push_back(instruction.next);
        } else {
          out->push_back(at);
        }
        break;
      case Instruction::Kind::kBytes:
      case Instruction::Kind::kMatch:
        out->push_back(at);
        break;
    }
  }
}

Regex::Places Regex::AtLineEnd(const Places& places) const {
  Places out;
  std::vector<bool> seen(program_.size(), false);
  for (const std::uint32_t place : places) Close(place, false, true, &out, &seen);
  return out;
}

std::int32_t Regex::Intern(Places places) const {
  std::sort(places.begin(), places.end());
  const auto [at, added] =
      by_places_.try_emplace(std::move(places), static_cast<std::int32_t>(states_.size()));
  if (added) {
    State& state = states_.emplace_back();
    state.places = at->first;
    state.next.fill(kUnknown);
    for (const std::uint32_t place : AtLineEnd(state.places)) {
      state.accepts |= program_[place].kind == Instruction::Kind::kMatch;
    }
  }
  return at->second;
}

std::int32_t Regex::Step(std::int32_t from, unsigned char byte) const {
  ++steps_made_;
  const Places& before = states_[static_cast<std::size_t>(from)].places;
  const Places places = byte == '\n' ? AtLineEnd(before) : before;
  Places out;
  std::vector<bool> seen(program_.size(), false);
  for (const std::uint32_t place : places) {
    const Instruction& instruction = program_[place];
    if (instruction.kind == Instruction::Kind::kBytes && sets_[instruction.other][byte]) {
      Close(instruction.next, byte == '\n', false, &out, &seen);
    }
  }
  if (states_.size() >= kStatesMax) {
    // Forgets all but where the text stands.
    states_.clear();
    by_places_.clear();
    start_ = kUnknown;
    return Intern(std::move(out));
  }
  const std::int32_t to = Intern(std::move(out));
  states_[static_cast<std::size_t>(from)].next[byte] = to;
  return to;
}

bool Regex::MatchesWhole(std::string_view text) const {
  if (start_ == kUnknown) {
    Places first;
    std::vector<bool> seen(program_.size(), false);
    Close(static_cast<std::uint32_t>(program_.size() - 1), true, false, &first, &seen);
    start_ = Intern(std::move(first));
  }
  std::int32_t state = start_;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const State& here = states_[static_cast<std::size_t>(state)];
    if (here.places.empty()) return false;
    const std::int32_t next = here.next[byte];
    state = next != kUnknown ? next : Step(state, byte);
  }
  return states_[static_cast<std::size_t>(state)].accepts;
}

}  // namespace fustor::regex
