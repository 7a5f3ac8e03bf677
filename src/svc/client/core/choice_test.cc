#include "svc/client/core/choice.h"

#include <gtest/gtest.h>

#include <set>

namespace fustor::client {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr WallTime kNow{1'700'000'000 * kSecond};

class Utc final : public LocalClock {
 public:
  Civil LocalTime(WallTime time) const override {
    const std::string utc = FormatUtc(time);
    const auto number = [&utc](std::size_t at, std::size_t n) {
      return std::stoi(utc.substr(at, n));
    };
    return {.year = number(0, 4),
            .month = number(5, 2),
            .day = number(8, 2),
            .hour = number(11, 2),
            .minute = number(14, 2),
            .second = number(17, 2)};
  }
};

class TwoAccounts final : public AccountIds {
 public:
  std::optional<std::uint32_t> UserId(const std::string& name) const override {
    return name == "ann" ? std::optional<std::uint32_t>(7) : std::nullopt;
  }
  std::optional<std::uint32_t> GroupId(const std::string& name) const override {
    return name == "staff" ? std::optional<std::uint32_t>(8) : std::nullopt;
  }
};

TEST(Choice, SizesHaveUnitsOf1024) {
  const struct {
    const char* text;
    std::optional<std::int64_t> bytes;
  } cases[] = {{"0", 0},
               {"512", 512},
               {"10k", 10'240},
               {"10K", 10'240},
               {"3M", 3 << 20},
               {"2G", std::int64_t{2} << 30},
               {"1T", std::int64_t{1} << 40},
               {"8191P", std::int64_t{8191} << 50},
               {"8192P", std::nullopt},
               {"", std::nullopt},
               {"k", std::nullopt},
               {"1.5M", std::nullopt},
               {"10MB", std::nullopt},
               {"-1", std::nullopt},
               {"9999999999999999999", std::nullopt}};
  for (const auto& c : cases) EXPECT_EQ(ParseSize(c.text), c.bytes) << c.text;
}

TEST(Choice, TimesAreAgesOrDates) {
  const Utc clock;
  EXPECT_EQ(ParseWhen("2h", kNow, clock)->ns, kNow.ns - 7200 * kSecond);
  EXPECT_EQ(ParseWhen("30d", kNow, clock)->ns, kNow.ns - 30 * 86'400 * kSecond);
  EXPECT_EQ(ParseWhen("2w", kNow, clock)->ns, kNow.ns - 14 * 86'400 * kSecond);
  EXPECT_EQ(FormatUtc(*ParseWhen("1y", kNow, clock)).substr(0, 10), "2022-11-14");
  EXPECT_EQ(FormatUtc(*ParseWhen("2026-11-21", kNow, clock)).substr(0, 10), "2026-11-21");
  EXPECT_EQ(ParseWhen("@5", kNow, clock)->ns, 5 * kSecond);
  EXPECT_FALSE(ParseWhen("soon", kNow, clock).ok());
  EXPECT_FALSE(ParseWhen("5x", kNow, clock).ok());
}

TEST(Choice, BecomesFusionsParameters) {
  ChoiceOptions o;
  o.regex = "^a";
  o.type = "any";
  o.extensions = "jpg,tar.gz";
  o.min_size = "1k";
  o.older = "@1";
  o.accessed_before = "@2";
  o.changed_after = "@3";
  o.owners = "ann,5";
  o.groups = "staff";
  o.mode = "/022";
  o.not_flags = "suspect";
  o.links_min = 2;
  o.depth_max = std::uint64_t{1} << 40;
  const ChoiceParameters want = {{"regex", "^a"},
                                 {"type", "any"},
                                 {"ext", "jpg,tar.gz"},
                                 {"size_min", "1024"},
                                 {"mtime_max_ns", "1000000000"},
                                 {"atime_max_ns", "2000000000"},
                                 {"ctime_min_ns", "3000000000"},
                                 {"uid", "7,5"},
                                 {"gid", "8"},
                                 {"mode", "/022"},
                                 {"not_flags", "suspect"},
                                 {"links_min", "2"},
                                 {"max_depth", "4294967295"}};
  EXPECT_EQ(ParametersOf(o, kNow, Utc(), TwoAccounts()).value(), want);
  EXPECT_TRUE(ParametersOf({}, kNow, Utc(), TwoAccounts())->empty());
}

TEST(Choice, SaysWhatAnOptionTakes) {
  const auto refused = [](const ChoiceOptions& o) {
    const auto result = ParametersOf(o, kNow, Utc(), TwoAccounts());
    EXPECT_EQ(result.status().code(), Code::kInvalidArgument);
    return result.status().message();
  };
  EXPECT_EQ(refused({.max_size = "big"}),
            "--max-size takes bytes, or a number with k, M, G, T or P, not 'big'");
  EXPECT_EQ(
      refused({.newer = "soon"}),
      "--newer takes an age (12h, 30d, 2w, 1y) or a date (2026-11-21, yesterday), not 'soon'");
  EXPECT_EQ(refused({.owners = "ann,bob"}),
            "--owner takes names or numbers with commas between, not 'ann,bob'");
  EXPECT_EQ(refused({.groups = ""}), "--group takes names or numbers with commas between, not ''");
}

TEST(Choice, EveryOptionHasALineOfItsOwn) {
  ChoiceOptions o;
  std::set<std::string> names;
  for (const cli::Option& option : ChoiceTable(&o)) {
    EXPECT_TRUE(names.insert(option.names).second) << option.names;
    EXPECT_FALSE(option.help.empty());
  }
  EXPECT_EQ(names.size(), 20u);
}

}  // namespace
}  // namespace fustor::client
