// redact.h: a configuration as text: as it may be shown (without its secrets), or changed and
// whole; without comments in any case.
//
// Pure. What stands under a key that speaks of keys, passwords, secrets, tokens or credentials is a
// secret, however deep it lies (but for the names of files and pipes); so is what stands before the
// '@' of a URL.
#pragma once

#include <string>
#include <string_view>

#include "lib/config/node.h"

namespace fustor::config {

// Stands where a secret was.
inline constexpr std::string_view kRedacted = "***";

// YAML in block style; reads back as the same tree, but for the secrets.
std::string RedactedYaml(const Node& root);

// The same with its secrets: what a file is to hold.
std::string FullYaml(const Node& root);

// Changes `target` as RFC 7396 says: maps are united, null takes a member away, anything else
// replaces what was there.
void MergePatch(const Node& patch, Node* target);

// Whether something in it was redacted: such a configuration must not be used.
bool HoldsRedacted(const Node& root);

}  // namespace fustor::config
