#include "svc/client/flow/connection.h"

#include "base/path.h"

namespace fustor::client {
namespace {

constexpr std::size_t kFileBytesMax = 64 << 10;

std::optional<std::string> Variable(const Host& host, const std::string& name) {
  std::optional<std::string> value = host.Variable(name);
  if (value && value->empty()) return std::nullopt;
  return value;
}

Result<std::string> FilePath(const CommonOptions& options, const Host& host) {
  std::optional<std::string> home = options.home;
  if (!home) home = Variable(host, "FUSTOR_HOME");
  if (!home) {
    const std::optional<std::string> user = Variable(host, "HOME");
    if (!user) {
      return Status(Code::kFailedPrecondition,
                    "HOME is not set; say with --home DIR or --url URL which Fusion to ask");
    }
    home = JoinPath(*user, ".fustor");
  }
  return JoinPath(*home, "connection.json");
}

Result<Connection> ReadConnection(const std::string& path, const Host& host) {
  const std::string shown = PrintablePath(path);
  const Result<std::string> text = host.ReadFile(path, kFileBytesMax);
  if (!text.ok()) {
    if (text.status().code() == Code::kPermissionDenied) {
      return Status(Code::kPermissionDenied,
                    shown + " may not be read: it belongs to whoever started Fustor");
    }
    return text.status();
  }
  const auto bad = [&](const Status& why) {
    return Status(Code::kFailedPrecondition,
                  shown + " is not what fustor up writes: " + PrintablePath(why.message()));
  };
  const Result<json::Value> value = host.ParseJson(*text);
  if (!value.ok()) return bad(value.status());
  const Result<std::string_view> url = value->GetString("url");
  if (!url.ok()) return bad(url.status());
  const Result<std::string_view> key = value->GetStringOr("key", "");
  if (!key.ok()) return bad(key.status());
  return Connection{std::string(*url), std::string(*key), path};
}

}  // namespace

Result<Connection> FindConnection(const CommonOptions& options, const Host& host) {
  std::optional<std::string> url = options.url;
  if (!url) url = Variable(host, "FUSTOR_URL");
  std::optional<std::string> key = options.key;
  if (!key) key = Variable(host, "FUSTOR_KEY");
  if (url && key) return Connection{*url, *key, ""};

  Result<std::string> path = FilePath(options, host);
  Result<Connection> read = path.ok() ? ReadConnection(*path, host) : path.status();
  if (!url) {
    FUSTOR_TRY_ASSIGN(Connection connection, std::move(read));
    if (key) connection.key = *key;
    return connection;
  }
  const bool same = read.ok() && read->url == *url;
  return Connection{*url, same ? read->key : "", ""};
}

}  // namespace fustor::client
