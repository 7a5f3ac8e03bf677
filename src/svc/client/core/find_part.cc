#include "svc/client/core/find_part.h"

#include <algorithm>
#include <utility>

namespace fustor::client {
namespace {

Verdict VerdictOf(bool value) { return value ? Verdict::kTrue : Verdict::kFalse; }

class Test final : public Expression {
 public:
  explicit Test(std::function<bool(const Candidate&)> test) : test_(std::move(test)) {}
  Verdict Evaluate(const Candidate& candidate, FindActions&) const override {
    return VerdictOf(test_(candidate));
  }

 private:
  const std::function<bool(const Candidate&)> test_;
};

class Action final : public Expression {
 public:
  using Deed = std::function<Verdict(const Candidate&, FindActions&)>;
  explicit Action(Deed deed) : deed_(std::move(deed)) {}
  Verdict Evaluate(const Candidate& candidate, FindActions& actions) const override {
    return deed_(candidate, actions);
  }

 private:
  const Deed deed_;
};

class Not final : public Expression {
 public:
  explicit Not(std::shared_ptr<const Expression> part) : part_(std::move(part)) {}
  Verdict Evaluate(const Candidate& candidate, FindActions& actions) const override {
    const Verdict verdict = part_->Evaluate(candidate, actions);
    return verdict == Verdict::kStop ? verdict : VerdictOf(verdict == Verdict::kFalse);
  }

 private:
  const std::shared_ptr<const Expression> part_;
};

// Goes on as long as a part says `go_on`; nullopt: through all of them.
class Junction final : public Expression {
 public:
  Junction(std::optional<Verdict> go_on, const std::vector<FindPart>& parts) : go_on_(go_on) {
    for (const FindPart& part : parts) parts_.push_back(part.expression);
  }
  Verdict Evaluate(const Candidate& candidate, FindActions& actions) const override {
    Verdict verdict = Verdict::kTrue;
    for (const auto& part : parts_) {
      verdict = part->Evaluate(candidate, actions);
      if (verdict == Verdict::kStop || (go_on_ && verdict != *go_on_)) return verdict;
    }
    return verdict;
  }

 private:
  const std::optional<Verdict> go_on_;
  std::vector<std::shared_ptr<const Expression>> parts_;
};

template <class T, class Choose>
std::optional<T> Both(const std::optional<T>& a, const std::optional<T>& b, Choose choose) {
  if (!a) return b;
  return b ? std::optional<T>(choose(*a, *b)) : a;
}

// What holds when both do; coarse where it cannot be said.
Narrowing Both(const Narrowing& a, const Narrowing& b) {
  const auto smaller = [](std::int64_t x, std::int64_t y) { return std::min(x, y); };
  const auto larger = [](std::int64_t x, std::int64_t y) { return std::max(x, y); };
  return {
      .pattern = a.pattern.empty() ? b.pattern : a.pattern,
      .type = a.type ? a.type : b.type,
      .size_min_bytes = Both(a.size_min_bytes, b.size_min_bytes, larger),
      .size_max_bytes = Both(a.size_max_bytes, b.size_max_bytes, smaller),
      .mtime_min_ns = Both(a.mtime_min_ns, b.mtime_min_ns, larger),
      .mtime_max_ns = Both(a.mtime_max_ns, b.mtime_max_ns, smaller),
  };
}

FindPart Joined(std::optional<Verdict> go_on, const std::vector<FindPart>& parts) {
  FindPart joined;
  joined.expression = std::make_shared<Junction>(go_on, parts);
  for (const FindPart& part : parts) {
    joined.acts |= part.acts;
    joined.prints |= part.prints;
  }
  return joined;
}

FindPart Deed(Action::Deed deed, bool prints) {
  FindPart part;
  part.expression = std::make_shared<Action>(std::move(deed));
  part.acts = true;
  part.prints = prints;
  return part;
}

}  // namespace

FindPart MakeTest(std::function<bool(const Candidate&)> test, Narrowing narrowing) {
  FindPart part;
  part.expression = std::make_shared<Test>(std::move(test));
  part.when_true = std::move(narrowing);
  return part;
}

FindPart MakePrinter(std::function<void(const Candidate&, FindActions&)> action) {
  const auto deed = [action = std::move(action)](const Candidate& c, FindActions& actions) {
    action(c, actions);
    return Verdict::kTrue;
  };
  return Deed(deed, true);
}

FindPart MakePrune() {
  const auto deed = [](const Candidate&, FindActions& actions) {
    actions.Prune();
    return Verdict::kTrue;
  };
  return Deed(deed, false);
}

FindPart MakeQuit() {
  return Deed([](const Candidate&, FindActions&) { return Verdict::kStop; }, false);
}

FindPart MakeNot(FindPart part) {
  part.expression = std::make_shared<Not>(std::move(part.expression));
  part.when_true = {};
  return part;
}

FindPart MakeAnd(std::vector<FindPart> parts) {
  if (parts.size() == 1) return std::move(parts[0]);
  FindPart joined = Joined(Verdict::kTrue, parts);
  const auto acting = [](const FindPart& part) { return part.acts; };
  const bool once = std::count_if(parts.begin(), parts.end(), acting) == 1;
  bool acted = false;
  for (const FindPart& part : parts) {
    // An action is reached only when all before it were true.
    if (!acted && (!part.acts || once)) {
      joined.when_acting = Both(joined.when_acting, part.acts ? part.when_acting : part.when_true);
    }
    acted |= part.acts;
    joined.when_true = Both(joined.when_true, part.when_true);
  }
  return joined;
}

FindPart MakeOr(std::vector<FindPart> parts) {
  if (parts.size() == 1) return std::move(parts[0]);
  return Joined(Verdict::kFalse, parts);
}

FindPart MakeList(std::vector<FindPart> parts) {
  if (parts.size() == 1) return std::move(parts[0]);
  FindPart joined = Joined(std::nullopt, parts);
  joined.when_true = parts.back().when_true;
  return joined;
}

}  // namespace fustor::client
