// virtual_disk.h: the files of a host, which its processes find again.
//
// What was committed is there after a crash, as a whole; what was not is gone. Deterministic; one
// thread.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "env/file_streams.h"
#include "env/files.h"
#include "env/text_source.h"

namespace fustor::sim {

class VirtualDisk final : public env::Files, public env::FileStreams {
 public:
  Result<std::string> Read(const std::string& path, std::size_t limit_bytes) override {
    const auto it = files_.find(path);
    if (it == files_.end()) return Status(Code::kNotFound, path);
    if (it->second.size() > limit_bytes) return Status(Code::kInvalidArgument, path);
    return it->second;
  }
  Result<void> WriteAtomically(const std::string& path, const std::string& content,
                               unsigned) override {
    files_[path] = content;
    return {};
  }
  Result<void> MakeDirectories(const std::string&, unsigned) override { return {}; }
  // There are no directories here: an empty one cannot be told from none.
  Result<std::vector<std::string>> List(const std::string& path) override {
    std::vector<std::string> names;
    for (const auto& [name, content] : files_) {
      if (name.starts_with(path + "/")) names.push_back(name.substr(path.size() + 1));
    }
    if (names.empty()) return Status(Code::kNotFound, path);
    return names;
  }
  Result<void> Remove(const std::string& path) override {
    if (files_.erase(path) == 0) return Status(Code::kNotFound, path);
    return {};
  }
  Result<std::unique_ptr<env::FileSink>> Create(const std::string& path, unsigned) override {
    return std::unique_ptr<env::FileSink>(std::make_unique<Sink>(*this, path));
  }
  Result<std::unique_ptr<env::FileSource>> Open(const std::string& path) override {
    const auto it = files_.find(path);
    if (it == files_.end()) return Status(Code::kNotFound, path);
    return std::unique_ptr<env::FileSource>(std::make_unique<env::TextSource>(it->second));
  }

 private:
  class Sink final : public env::FileSink {
   public:
    Sink(VirtualDisk& disk, std::string path) : disk_(disk), path_(std::move(path)) {}
    Result<void> Append(std::string_view bytes) override {
      content_ += bytes;
      return {};
    }
    Result<void> Commit() override {
      disk_.files_[path_] = std::move(content_);
      return {};
    }

   private:
    VirtualDisk& disk_;
    const std::string path_;
    std::string content_;
  };

  std::map<std::string, std::string> files_;
};

}  // namespace fustor::sim
