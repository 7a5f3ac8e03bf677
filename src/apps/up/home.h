// home.h: what `fustor up` keeps between its runs, and how other commands find it.
//
//   HOME             0700, made on first start
//   HOME/key         0600, made on first start: what opens the views
//   HOME/lock        held while a process runs
//   HOME/fustor.log  what it logs
//   HOME/checkpoints/  0700, what the views showed: how they begin after a restart
//   HOME/connection.json  0600, {"url", "grpc", "key"} while a process runs; removed at its end
#pragma once

#include <memory>
#include <string>

#include "adapters/posix/lock_file.h"
#include "base/result.h"
#include "env/files.h"

namespace fustor::up {

class Home {
 public:
  // Errors: kAlreadyExists (another process runs with this home), kPermissionDenied,
  // kInvalidArgument (the key file does not hold a key), kResourceExhausted (disk full).
  static Result<Home> Open(const std::string& directory);

  const std::string& directory() const { return directory_; }
  const std::string& key() const { return key_; }  // A secret.
  bool first_start() const { return first_start_; }
  std::string log_file() const { return directory_ + "/fustor.log"; }
  std::string connection_file() const { return directory_ + "/connection.json"; }

  Status WriteConnection(const std::string& url, const std::string& grpc);
  void RemoveConnection();

 private:
  Home(std::string directory, std::unique_ptr<env::Files> files, posix::LockFile lock);
  Status ReadOrMakeKey();

  std::string directory_;
  std::unique_ptr<env::Files> files_;
  posix::LockFile lock_;
  std::string key_;
  bool first_start_ = false;
};

}  // namespace fustor::up
