// base64.h: bytes as text (RFC 4648, section 4: standard alphabet, with padding). Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace fustor {

std::string Base64Encode(std::string_view bytes);

// Errors: kInvalidArgument for a length that is no multiple of four, a foreign character, padding
// elsewhere than at the end, or bits set that are dropped (so that every text has one meaning).
Result<std::string> Base64Decode(std::string_view text);

}  // namespace fustor
