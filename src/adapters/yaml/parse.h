// parse.h: YAML text into lib/config trees, by yaml-cpp.
//
// Thread-safe: no state is kept. What configuration does not need is refused rather than guessed:
// aliases and anchors, tags, merge keys, duplicate keys, more than one document in a file.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "env/files.h"
#include "lib/config/node.h"

namespace fustor::yaml {

// Limits of one file.
inline constexpr std::size_t kFileBytesMax = 1 << 20;
inline constexpr std::size_t kDepthMax = 32;
// YAML reads back no key that takes over 1024 characters, escapes included.
inline constexpr std::size_t kKeyBytesMax = 160;
// Files of one folder.
inline constexpr std::size_t kFilesMax = 1'000;

// The result is a map, or null for an empty text. `file` is the name in marks and errors.
// Errors: kInvalidArgument ("fusion-config/default.yaml:12:3: what is wrong").
Result<config::Node> Parse(std::string_view text, std::string file);

// All *.yaml and *.yml of a folder as one configuration (config::Merge), in the order of their
// names; files are named "folder/name" after the last component of `folder`. Blocking.
// Errors: kNotFound (no such folder, or no file in it), kInvalidArgument, what reading gives.
Result<config::Node> LoadFolder(env::Files& files, const std::string& folder);

}  // namespace fustor::yaml
