// surrogates.h: bytes that are not UTF-8, through a parser that does not know our escape for them.
// Private to adapters/json.
//
// Pure. simdjson refuses lone surrogates, or not, depending on its version. So they never reach it:
// before parsing, "\udcXX" that stands for byte XX becomes a marker and the two digits of the
// byte; a marker that was in the text itself becomes the marker and "00". After parsing it goes the
// other way. The marker is U+FDD0, a noncharacter: it is hardly ever met, and right all the same
// when it is.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace fustor::json {

// kInvalidArgument: "JSON: <why>".
Status Malformed(std::string_view why);

// False: Translate would return the text as it is, up to markers.
bool MayHoldSurrogates(std::string_view text);
// Errors: kInvalidArgument (a surrogate that is neither half of a pair nor such a byte).
Result<std::string> Translate(std::string_view text);
// Of one string of a translated text.
std::string TranslateBack(std::string_view text);

}  // namespace fustor::json
