// predicates.h: which entries of a view a question is about: one reading of the parameters for all
// routes (search, groups, top, duplicates, exports) and for gRPC.
//
// Pure. Every failure names the parameter and what is right (parameters.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "lib/http/http.h"
#include "lib/tree/search.h"
#include "svc/fusion/flow/view.h"
#include "svc/fusion/wire/parameter_reader.h"

namespace fustor::fusion {

// A longer regular expression is refused, and one that becomes too large.
inline constexpr std::size_t kRegexBytesMax = 1000;
inline constexpr std::size_t kRegexInstructionsMax = 2000;
// What uid, gid, ext, flags may hold each.
inline constexpr std::size_t kListItemsMax = 100;

// pattern, regex, iregex, under, type, min_depth, max_depth, size_min, size_max, mtime_min,
// mtime_max, ctime_..., atime_... (each also with _ns), uid, gid, mode, ext, flags, not_flags,
// links_min. Without `type`, `files` and `directories` stay as the caller has set them.
void ReadPredicates(ParameterReader* reader, tree::SearchQuery* search);
// The same for a request that has nothing else. False: *bad says why.
bool ParsePredicates(const http::Request& request, tree::SearchQuery* search, BadParameter* bad);
// Whether one of these parameters but `pattern` is there.
bool HasPredicates(const http::Request& request);

// One value each. Errors: kInvalidArgument with what is right, to stand behind the field's name.
Status SetPattern(std::string_view text, tree::SearchQuery* search);
// POSIX extended; found anywhere in the name, or in the path if the expression has a slash.
Status SetRegex(std::string_view text, bool any_case, tree::SearchQuery* search);
Status SetMode(std::string_view text, tree::SearchQuery* search);
Status SetKind(std::string_view type, tree::SearchQuery* search);
Status AddExtension(std::string_view text, tree::SearchQuery* search);
Status AddMark(std::string_view text, std::uint8_t* marks);

// What a view keeps apart from its tree of the marks that are asked for. Call it with the status
// before each search.
void AddSubtrees(const ViewStatus& status, tree::SearchQuery* search);

}  // namespace fustor::fusion
