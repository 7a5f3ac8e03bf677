// connection.h: which Fusion to ask, and with which key.
#pragma once

#include <string>

#include "base/result.h"
#include "svc/client/core/options.h"
#include "svc/client/ports.h"

namespace fustor::client {

struct Connection {
  std::string url;
  std::string key;   // Empty: none is known.
  std::string file;  // Where the URL was read; empty when it was given.
};

// From --url, else FUSTOR_URL, else HOME/connection.json {url, grpc, key}; the key from --key, else
// FUSTOR_KEY, else from the file, but only for the URL that stands there: a key is shown to nobody
// else. HOME is --home, else FUSTOR_HOME, else ~/.fustor.
// Errors: kNotFound (no such file), kPermissionDenied, kFailedPrecondition (the file is no
// connection.json; no home).
Result<Connection> FindConnection(const CommonOptions& options, const Host& host);

}  // namespace fustor::client
