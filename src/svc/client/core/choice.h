// choice.h: which entries a command is about, as options in people's words.
//
// Pure. Fusion's own parameters (docs/http-api.md, Which entries) are made of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "lib/cli/command.h"
#include "svc/client/core/calendar.h"

namespace fustor::client {

// Who has a name.
class AccountIds {
 public:
  virtual ~AccountIds() = default;
  virtual std::optional<std::uint32_t> UserId(const std::string& name) const = 0;
  virtual std::optional<std::uint32_t> GroupId(const std::string& name) const = 0;
};

struct ChoiceOptions {
  using Text = std::optional<std::string>;
  Text regex = {}, iregex = {}, type = {}, extensions = {};
  Text min_size = {}, max_size = {};
  Text newer = {}, older = {};  // mtime
  Text accessed_after = {}, accessed_before = {}, changed_after = {}, changed_before = {};
  Text owners = {}, groups = {}, mode = {}, flags = {}, not_flags = {};
  std::optional<std::uint64_t> links_min = {}, depth_min = {}, depth_max = {};
};

// Their lines in a command's table.
std::vector<cli::Option> ChoiceTable(ChoiceOptions* options);

// As parameters of a request. Errors: kInvalidArgument: beginning with the option's name. What
// only Fusion understands (expressions, modes, flags) goes there as it is.
using ChoiceParameters = std::vector<std::pair<std::string, std::string>>;
Result<ChoiceParameters> ParametersOf(const ChoiceOptions& options, WallTime now,
                                      const LocalClock& clock, const AccountIds& ids);

// "0", "512", "10k", "1M": whole numbers, with k, M, G, T or P in powers of 1024. nullopt: none.
std::optional<std::int64_t> ParseSize(std::string_view text);
// What ParseDate reads, and ages: "12h", "30d", "2w", "1y" ago.
Result<WallTime> ParseWhen(std::string_view text, WallTime now, const LocalClock& clock);

}  // namespace fustor::client
