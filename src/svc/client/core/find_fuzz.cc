// Feeds arbitrary words to the language of find, evaluates what they mean, and holds that Fusion is
// never asked for less than what is printed. Each line of the input is a word.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/fuzz_testing.h"
#include "base/path.h"
#include "lib/glob/glob.h"
#include "lib/mode/mode.h"
#include "svc/client/core/find_expression.h"
#include "svc/client/core/places.h"
#include "svc/client/core/words.h"

namespace fustor::client {
namespace {

constexpr WallTime kNow{1'800'000'000'000'000'000};
constexpr std::size_t kWordsMax = 60;

class NumberedAccounts final : public Accounts {
 public:
  std::string UserName(std::uint32_t uid) const override { return "u" + std::to_string(uid); }
  std::string GroupName(std::uint32_t gid) const override { return "g" + std::to_string(gid); }
};

// Two hours east of UTC, in proleptic Gregorian years.
class EasternClock final : public LocalClock {
 public:
  Civil LocalTime(WallTime time) const override {
    constexpr std::int64_t kDaySeconds = 86'400;
    const auto floor_div = [](std::int64_t a, std::int64_t b) {
      return a / b - (a % b < 0 ? 1 : 0);
    };
    const std::int64_t seconds = floor_div(time.ns, 1'000'000'000) + 7200;
    const std::int64_t days = floor_div(seconds, kDaySeconds);
    const std::int64_t rest = seconds - days * kDaySeconds;
    const std::int64_t shifted = days + 719'468;  // Since 0000-03-01.
    const std::int64_t era = floor_div(shifted, 146'097);
    const std::int64_t day = shifted - era * 146'097;
    const std::int64_t year = (day - day / 1460 + day / 36'524 - day / 146'096) / 365;
    const std::int64_t of_year = day - (365 * year + year / 4 - year / 100);
    const std::int64_t month = (5 * of_year + 2) / 153;
    Civil civil;
    civil.month = static_cast<int>(month < 10 ? month + 3 : month - 9);
    civil.year = year + era * 400 + (civil.month <= 2 ? 1 : 0);
    civil.day = static_cast<int>(of_year - (153 * month + 2) / 5 + 1);
    civil.hour = static_cast<int>(rest / 3600);
    civil.minute = static_cast<int>(rest / 60 % 60);
    civil.second = static_cast<int>(rest % 60);
    civil.offset_minutes = 120;
    civil.zone = "EET";
    return civil;
  }
};

class Deeds final : public FindActions {
 public:
  void Print(const Candidate&) override { ++count_; }
  void Write(std::string_view bytes) override {
    ++count_;
    FUSTOR_CHECK(bytes.size() < 1 << 20, "one entry prints megabytes");
  }
  void Prune() override { ++count_; }
  int count_ = 0;
};

std::vector<Node> Entries() {
  std::vector<Node> nodes;
  const auto add = [&](const std::string& path, EntryKind kind, std::uint32_t mode,
                       std::int64_t size, std::int64_t mtime_ns) -> Node& {
    Node& node = nodes.emplace_back();
    node.path = path;
    node.attrs.kind = kind;
    node.attrs.mode = mode;
    node.attrs.size_bytes = size;
    node.attrs.allocated_bytes = size < 4096 ? 4096 : size;
    node.attrs.mtime_ns = mtime_ns;
    node.attrs.ctime_ns = mtime_ns;
    node.attrs.uid = 7;
    node.attrs.inode = 99;
    return node;
  };
  add("/d/a.txt", EntryKind::kFile, 0100644, 5, kNow.ns - 1);
  add("/d/B\xff\x1b", EntryKind::kFile, 0104755, INT64_MAX, INT64_MIN);
  add("/d/\n", EntryKind::kFile, 0100000, 0, INT64_MAX);
  add("/d/old", EntryKind::kFile, 0100666, 1 << 20, kNow.ns - 40 * 86'400'000'000'000);
  add("/d/l", EntryKind::kSymlink, 0120777, 4, 0).target = "a.txt";
  add("/d/p", EntryKind::kOther, 0010600, 0, -1);
  Node& directory = add("/d/sub", EntryKind::kDirectory, 0041777, 4096, kNow.ns + 5);
  directory.totals = Totals{.files = 3, .directories = 1, .bytes = 10};
  return nodes;
}

// Whether Fusion would name it when it is asked so (docs/http-api.md, search).
bool Answers(const Narrowing& ask, const Node& node) {
  const EntryAttrs& a = node.attrs;
  if (!ask.pattern.empty()) {
    const bool hit = glob::Glob::IsPattern(ask.pattern)
                         ? glob::Glob(ask.pattern).Matches(node.path) ||
                               glob::Glob(ask.pattern).Matches(node.name())
                         : glob::Substring(ask.pattern).Matches(node.name());
    if (!hit) return false;
  }
  if (ask.type == "file" && a.kind != EntryKind::kFile) return false;
  if (ask.type == "directory" && a.kind != EntryKind::kDirectory) return false;
  if (ask.type == "symlink" && a.kind != EntryKind::kSymlink) return false;
  return a.size_bytes >= ask.size_min_bytes.value_or(INT64_MIN) &&
         a.size_bytes <= ask.size_max_bytes.value_or(INT64_MAX) &&
         a.mtime_ns >= ask.mtime_min_ns.value_or(INT64_MIN) &&
         a.mtime_ns <= ask.mtime_max_ns.value_or(INT64_MAX);
}

void Evaluate(const FindRequest& request, const LocalClock& clock) {
  static const std::vector<Node> nodes = Entries();
  const NumberedAccounts accounts;
  FindContext context{.now = kNow, .accounts = &accounts, .clock = &clock};
  context.references.resize(request.references.size());
  for (const bool on_terminal : {false, true}) {
    context.on_terminal = on_terminal;
    for (const Node& node : nodes) {
      const std::string shown = "." + node.path;
      const Candidate candidate{
          .node = &node, .start = ".", .shown = shown, .depth = 2, .context = &context};
      Deeds deeds;
      const Verdict verdict = request.expression->Evaluate(candidate, deeds);
      const bool acts = deeds.count_ > 0 || verdict == Verdict::kStop;
      FUSTOR_CHECK(!acts || Answers(request.narrowing, node), "Fusion would not have named it");
    }
  }
}

void CheckWord(const std::string& word, const LocalClock& clock) {
  if (const Result<WallTime> date = ParseDate(word, kNow, clock); date.ok()) {
    // The second that it is in comes back.
    const std::string text = FullTime(clock.LocalTime(*date), 0, 0);
    (void)text;
  }
  if (const auto mode = mode::ParseMode(word)) {
    FUSTOR_CHECK((*mode)[0] <= 07777 && (*mode)[1] <= 07777);
  }
  const std::string absolute = AbsolutePath(word, "/w/d");
  FUSTOR_CHECK(absolute.starts_with('/'));
  FUSTOR_CHECK(AbsolutePath(absolute, "/other") == absolute, "twice is once");
  if (const auto directory = DirectoryOfSource(word)) {
    FUSTOR_CHECK(DirectoryOfSource(*directory) == directory, "twice is once");
  }
  for (const std::string& text : {QuotedName(word), HarmlessText(word)}) {
    for (const char c : text) {
      FUSTOR_CHECK(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F, "a terminal would obey it");
    }
  }
}

void Check(std::string_view bytes) {
  const EasternClock clock;
  std::vector<std::string> words;
  for (const std::string_view word : FuzzLines(bytes, kWordsMax)) words.emplace_back(word);
  const Result<FindRequest> request = ParseFind(words, kNow, clock);
  if (request.ok()) {
    Evaluate(*request, clock);
  } else {
    FUSTOR_CHECK(!request.status().message().empty());
  }
  for (const std::string& word : words) CheckWord(word, clock);
}

}  // namespace
}  // namespace fustor::client

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fustor::client::Check(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
