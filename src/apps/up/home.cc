#include "apps/up/home.h"

#include <utility>

#include "adapters/posix/files.h"
#include "adapters/posix/random.h"
#include "base/json_writer.h"

namespace fustor::up {
namespace {

constexpr std::size_t kKeyRandomBytes = 24;
constexpr std::size_t kKeyFileBytesMax = 4096;

}  // namespace

Home::Home(std::string directory, std::unique_ptr<env::Files> files, posix::LockFile lock)
    : directory_(std::move(directory)), files_(std::move(files)), lock_(std::move(lock)) {}

Result<Home> Home::Open(const std::string& directory) {
  std::unique_ptr<env::Files> files = posix::OpenFiles();
  FUSTOR_TRY(files->MakeDirectories(directory, 0700));
  Result<posix::LockFile> lock = posix::LockFile::Take(directory + "/lock");
  if (lock.status().code() == Code::kAlreadyExists) {
    return Status(Code::kAlreadyExists,
                  "another 'fustor up' runs with the home " + directory +
                      "; stop it, or give this one a home of its own with --home DIR");
  }
  FUSTOR_TRY(lock.status());
  Home home(directory, std::move(files), *std::move(lock));
  FUSTOR_TRY(home.ReadOrMakeKey());
  return home;
}

Status Home::ReadOrMakeKey() {
  const std::string path = directory_ + "/key";
  Result<std::string> text = files_->Read(path, kKeyFileBytesMax);
  if (text.ok()) {
    key_ = *std::move(text);
    while (!key_.empty() && (key_.back() == '\n' || key_.back() == '\r')) key_.pop_back();
    for (const char c : key_) {
      if (c <= ' ' || c > '~') key_.clear();
    }
    if (key_.size() >= 16) return {};
    return {Code::kInvalidArgument,
            path +
                ": not a key (16 or more printable characters on one line); remove the file to "
                "have a new one made"};
  }
  if (text.status().code() != Code::kNotFound) return text.status();
  first_start_ = true;
  key_ = posix::SystemRandom().Hex(kKeyRandomBytes);
  return files_->WriteAtomically(path, key_ + "\n", 0600).status();
}

Status Home::WriteConnection(const std::string& url, const std::string& grpc) {
  std::string text;
  JsonWriter json(&text, JsonWriter::Style::kPretty);
  json.BeginObject();
  json.Key("url").String(url);
  json.Key("grpc").String(grpc);
  json.Key("key").String(key_);
  json.EndObject();
  text += '\n';
  return files_->WriteAtomically(connection_file(), text, 0600).status();
}

void Home::RemoveConnection() { (void)files_->Remove(connection_file()); }

}  // namespace fustor::up
