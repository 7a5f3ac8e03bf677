#include "apps/process/configuration.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <vector>

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

std::string BaseName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// The files as they are, but for one.
class WithChange final : public env::Files {
 public:
  WithChange(env::Files& files, const FileChange& change) : files_(files), change_(change) {}

  Result<std::string> Read(const std::string& path, std::size_t limit_bytes) override {
    if (path != change_.path) return files_.Read(path, limit_bytes);
    return change_.text;
  }
  Result<std::vector<std::string>> List(const std::string& path) override {
    FUSTOR_TRY_ASSIGN(std::vector<std::string> names, files_.List(path));
    const std::string name = BaseName(change_.path);
    if (change_.path == path + "/" + name && std::ranges::find(names, name) == names.end())
      names.push_back(name);
    std::ranges::sort(names);
    return names;
  }
  Result<void> WriteAtomically(const std::string& path, const std::string& content,
                               unsigned mode) override {
    return files_.WriteAtomically(path, content, mode);
  }
  Result<void> MakeDirectories(const std::string& path, unsigned mode) override {
    return files_.MakeDirectories(path, mode);
  }
  Result<void> Remove(const std::string& path) override { return files_.Remove(path); }

 private:
  env::Files& files_;
  const FileChange& change_;
};

bool IsFolder(const std::string& path) {
  struct stat st;
  return ::stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode);
}

Result<config::Node> Load(const std::string& path, const FileChange& change) {
  struct stat st;
  if (::stat(path.c_str(), &st) != 0) {
    if (errno != ENOENT) return posix::ErrnoStatus(errno, path);
    return Status(Code::kNotFound, path +
                                       ": there is no configuration; make this folder with a "
                                       "file in it that ends in .yaml, or say where it is with "
                                       "--config");
  }
  const std::unique_ptr<env::Files> real = posix::OpenFiles();
  WithChange files(*real, change);
  if (S_ISDIR(st.st_mode)) return yaml::LoadFolder(files, path);
  FUSTOR_TRY_ASSIGN(const std::string text, files.Read(path, yaml::kFileBytesMax));
  return yaml::Parse(text, path);
}

}  // namespace

Result<std::string> ConfigurationPath(const std::string& given, const std::string& name) {
  std::string path = given;
  if (path.empty()) {
    FUSTOR_TRY_ASSIGN(path, HomeDirectory(""));
    path += "/" + name;
  }
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

Result<config::Node> LoadConfiguration(const std::string& given, const std::string& name,
                                       const FileChange& change) {
  FUSTOR_TRY_ASSIGN(const std::string path, ConfigurationPath(given, name));
  FUSTOR_TRY_ASSIGN(config::Node root, Load(path, change));
  // Nobody means that: a full disk, or an editor that has not written yet.
  if (root.members.empty()) return Status(Code::kInvalidArgument, path + ": nothing is in it");
  return root;
}

Result<std::string> ConfigurationFile(const std::string& path, const std::string& name) {
  const std::string own = BaseName(path);
  if (!IsFolder(path)) {
    if (name.empty() || name == own) return path;
    return Status(Code::kInvalidArgument, "the configuration is the file '" + own + "' alone");
  }
  const bool plain = name.find('/') == std::string::npos && !name.starts_with('.') &&
                     (name.ends_with(".yaml") || name.ends_with(".yml")) && name.size() <= 200 &&
                     name.find('\0') == std::string::npos;
  if (plain) return path + "/" + name;
  return Status(Code::kInvalidArgument, "the file must be named, like 'default.yaml'");
}

std::string ConfigurationName(const std::string& path) {
  if (!IsFolder(path)) return BaseName(path);
  const Result<std::vector<std::string>> names = posix::OpenFiles()->List(path);
  std::string only;
  for (const std::string& name : names.ok() ? *names : std::vector<std::string>()) {
    if (!name.ends_with(".yaml") && !name.ends_with(".yml")) continue;
    if (!only.empty()) return BaseName(path);
    only = name;
  }
  return only.empty() ? BaseName(path) : only;
}

Status ReplaceFile(const FileChange& change, const std::function<Status()>& use) {
  const std::unique_ptr<env::Files> files = posix::OpenFiles();
  struct stat st;
  const bool was_there = ::stat(change.path.c_str(), &st) == 0;
  const unsigned mode = was_there ? st.st_mode & 0777u : 0600u;
  std::string old;
  if (was_there) {
    FUSTOR_TRY_ASSIGN(old, files->Read(change.path, yaml::kFileBytesMax));
    const Result<void> kept = files->WriteAtomically(change.path + ".bak", old, mode & 0700u);
    if (!kept.ok()) return kept.status().Within(change.path + ".bak");
  }
  const Result<void> written = files->WriteAtomically(change.path, change.text, mode);
  if (!written.ok()) return written.status().Within(change.path);
  Status used = use();
  if (used.ok()) return used;
  const Result<void> back =
      was_there ? files->WriteAtomically(change.path, old, mode) : files->Remove(change.path);
  (void)use();
  if (back.ok()) return used;
  return {used.code(),
          used.message() + "; and the old file could not be put back: " + back.status().message()};
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
