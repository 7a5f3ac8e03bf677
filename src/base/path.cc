#include "base/path.h"

#include <cstdint>
#include <cstring>

#include "base/utf8.h"

namespace fustor {

Result<std::string> NormalizeViewPath(std::string_view path) {
  if (path.size() > kPathBytesMax) {
    return Status(Code::kInvalidArgument, "path is longer than 65535 bytes");
  }
  if (path.find('\0') != std::string_view::npos) {
    return Status(Code::kInvalidArgument, "path contains a NUL byte");
  }
  std::string normal;
  normal.reserve(path.size() + 1);
  std::size_t at = 0;
  while (at < path.size()) {
    const std::size_t slash = std::min(path.find('/', at), path.size());
    const std::string_view name = path.substr(at, slash - at);
    at = slash + 1;
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      return Status(Code::kInvalidArgument, "path contains '..'; write it without");
    }
    if (name.size() > kNameBytesMax) {
      return Status(Code::kInvalidArgument, "path has a name of more than 255 bytes");
    }
    normal += '/';
    normal += name;
  }
  if (normal.empty()) normal = "/";
  // The leading slash may have been the byte too many.
  if (normal.size() > kPathBytesMax) {
    return Status(Code::kInvalidArgument, "path is longer than 65535 bytes");
  }
  return normal;
}

bool IsNormalViewPath(std::string_view path) {
  if (path.empty() || path.size() > kPathBytesMax || path[0] != '/') return false;
  if (path.size() == 1) return true;
  if (std::memchr(path.data(), 0, path.size()) != nullptr) return false;
  std::size_t at = 1;
  for (;;) {
    const std::size_t slash = std::min(path.find('/', at), path.size());
    const std::string_view name = path.substr(at, slash - at);
    if (name.empty() || name == "." || name == ".." || name.size() > kNameBytesMax) return false;
    if (slash == path.size()) return true;
    at = slash + 1;
  }
}

std::string JoinPath(std::string_view directory, std::string_view name) {
  std::string path;
  path.reserve(directory.size() + 1 + name.size());
  path += directory;
  if (path.empty() || path.back() != '/') path += '/';
  path += name;
  return path;
}

std::pair<std::string_view, std::string_view> SplitPath(std::string_view path) {
  if (path.size() <= 1) return {"", ""};
  // memrchr looks at a register's width at once, rfind at every byte.
  const auto* const at = static_cast<const char*>(memrchr(path.data(), '/', path.size()));
  const std::size_t slash =
      at == nullptr ? std::string_view::npos : static_cast<std::size_t>(at - path.data());
  return {slash == 0 ? path.substr(0, 1) : path.substr(0, slash), path.substr(slash + 1)};
}

bool IsWithin(std::string_view path, std::string_view directory) {
  if (directory == "/") return true;
  if (!path.starts_with(directory)) return false;
  return path.size() == directory.size() || path[directory.size()] == '/';
}

std::string_view NextComponent(std::string_view* rest) {
  while (!rest->empty() && rest->front() == '/') rest->remove_prefix(1);
  const std::size_t end = std::min(rest->find('/'), rest->size());
  const std::string_view name = rest->substr(0, end);
  rest->remove_prefix(end);
  return name;
}

std::string PrintablePath(std::string_view path) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  out.reserve(path.size());
  while (!path.empty()) {
    const std::size_t n = Utf8SequenceLength(path);
    const auto b = static_cast<std::uint8_t>(path[0]);
    if (n == 0 || b < 0x20 || b == 0x7F) {
      out += {'\\', 'x', kHex[b >> 4], kHex[b & 15]};
      path.remove_prefix(1);
    } else {
      if (path[0] == '\\') out += '\\';
      out.append(path.substr(0, n));
      path.remove_prefix(n);
    }
  }
  return out;
}

bool IsUtf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t n = Utf8SequenceLength(bytes);
    if (n == 0) return false;
    bytes.remove_prefix(n);
  }
  return true;
}

}  // namespace fustor
