// path.h: paths inside a view, as bytes.
//
// A view path is absolute inside its source ("/" is the root of the source), has no empty, "." or
// ".." component, no NUL, and no slash at its end but for the root itself. Any other byte is
// allowed: names are not text.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace fustor {

// Names are at most this long on every file system that Linux knows.
inline constexpr std::size_t kNameBytesMax = 255;
// Deeper or longer paths than this are refused at the doors.
inline constexpr std::size_t kPathBytesMax = 65'535;

// Brings a path from outside into the form above: adds the leading slash, merges slashes, drops "."
// and a final slash. Errors: kInvalidArgument for "..", NUL, a name over 255 bytes, or a path over
// kPathBytesMax.
Result<std::string> NormalizeViewPath(std::string_view path);

// True when NormalizeViewPath(path) would return it unchanged. No allocation.
bool IsNormalViewPath(std::string_view path);

// "/a" + "b" -> "/a/b"; "/" + "b" -> "/b".
std::string JoinPath(std::string_view directory, std::string_view name);

// "/a/b" -> {"/a", "b"}; "/a" -> {"/", "a"}; "/" -> {"", ""}.
std::pair<std::string_view, std::string_view> SplitPath(std::string_view path);

// True when path is `directory` itself or lies below it.
bool IsWithin(std::string_view path, std::string_view directory);

// Takes the first component off `*rest` (which begins with '/' or is empty) and returns it; empty
// when there is none left.
std::string_view NextComponent(std::string_view* rest);

// For logs, terminals and error texts: control bytes and bytes that are not UTF-8 as \xNN, a
// backslash doubled.
std::string PrintablePath(std::string_view path);

// True when the bytes are well-formed UTF-8 (RFC 3629).
bool IsUtf8(std::string_view bytes);

}  // namespace fustor
