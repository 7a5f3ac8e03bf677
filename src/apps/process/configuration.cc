#include "apps/process/configuration.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>

#include "adapters/asio/executor.h"
#include "adapters/posix/fd.h"
#include "adapters/posix/files.h"
#include "adapters/yaml/parse.h"

namespace fustor::process {

Result<std::string> HomeDirectory(const std::string& given) {
  if (!given.empty()) return given;
  if (const char* home = std::getenv("FUSTOR_HOME"); home != nullptr && *home != '\0') {
    return std::string(home);
  }
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') {
    return std::string(home) + "/.fustor";
  }
  return Status(Code::kFailedPrecondition,
                "neither FUSTOR_HOME nor HOME is set; say where with --home DIR");
}

namespace {

Result<config::Node> Load(const std::string& path) {
  struct stat st;
  if (::stat(path.c_str(), &st) != 0) {
    if (errno != ENOENT) return posix::ErrnoStatus(errno, path);
    return Status(Code::kNotFound, path +
                                       ": there is no configuration; make this folder with a "
                                       "file in it that ends in .yaml, or say where it is with "
                                       "--config");
  }
  const std::unique_ptr<env::Files> files = posix::OpenFiles();
  if (S_ISDIR(st.st_mode)) return yaml::LoadFolder(*files, path);
  FUSTOR_TRY_ASSIGN(const std::string text, files->Read(path, yaml::kFileBytesMax));
  return yaml::Parse(text, path);
}

}  // namespace

Result<config::Node> LoadConfiguration(const std::string& given, const std::string& name) {
  std::string path = given;
  if (path.empty()) {
    FUSTOR_TRY_ASSIGN(path, HomeDirectory(""));
    path += "/" + name;
  }
  FUSTOR_TRY_ASSIGN(config::Node root, Load(path));
  // Nobody means that: a full disk, or an editor that has not written yet.
  if (root.members.empty()) return Status(Code::kInvalidArgument, path + ": nothing is in it");
  return root;
}

Result<std::unique_ptr<log::Log>> OpenLog(const config::LoggingConfig& config) {
  log::Options options;
  options.level = config.level;
  switch (config.format) {
    case config::LoggingConfig::Format::kAuto:
      options.format = log::Options::Format::kAuto;
      break;
    case config::LoggingConfig::Format::kText:
      options.format = log::Options::Format::kText;
      break;
    case config::LoggingConfig::Format::kJson:
      options.format = log::Options::Format::kJson;
      break;
  }
  options.file = config.file;
  return log::Open(std::move(options), asio::SystemClock());
}

}  // namespace fustor::process
