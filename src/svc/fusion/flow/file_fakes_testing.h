// file_fakes_testing.h: files in memory that a test can fill, damage and make fail.
//
// One thread.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "env/file_streams.h"
#include "env/files.h"
#include "env/text_source.h"

namespace fustor::fusion {

class FakeDisk final : public env::Files, public env::FileStreams {
 public:
  std::map<std::string, std::string> files;
  std::map<std::string, unsigned> modes;
  std::size_t room = SIZE_MAX;  // Bytes that may still be written.
  bool broken = false;          // Nothing can be committed.

  Result<std::string> Read(const std::string& path, std::size_t) override {
    const auto it = files.find(path);
    if (it == files.end()) return Status(Code::kNotFound, path);
    return it->second;
  }
  Result<void> WriteAtomically(const std::string& path, const std::string& content,
                               unsigned mode) override {
    files[path] = content;
    modes[path] = mode;
    return {};
  }
  Result<void> MakeDirectories(const std::string& path, unsigned mode) override {
    modes[path] = mode;
    return {};
  }
  Result<std::vector<std::string>> List(const std::string& path) override {
    std::vector<std::string> names;
    for (const auto& [name, content] : files) {
      if (name.starts_with(path + "/")) names.push_back(name.substr(path.size() + 1));
    }
    if (names.empty() && !modes.contains(path)) return Status(Code::kNotFound, path);
    return names;
  }
  Result<void> Remove(const std::string& path) override {
    if (files.erase(path) == 0) return Status(Code::kNotFound, path);
    return {};
  }

  Result<std::unique_ptr<env::FileSink>> Create(const std::string& path, unsigned mode) override {
    return std::unique_ptr<env::FileSink>(std::make_unique<Sink>(*this, path, mode));
  }
  Result<std::unique_ptr<env::FileSource>> Open(const std::string& path) override {
    const auto it = files.find(path);
    if (it == files.end()) return Status(Code::kNotFound, path);
    return std::unique_ptr<env::FileSource>(std::make_unique<env::TextSource>(it->second));
  }

 private:
  class Sink final : public env::FileSink {
   public:
    Sink(FakeDisk& disk, std::string path, unsigned mode)
        : disk_(disk), path_(std::move(path)), mode_(mode) {}
    Result<void> Append(std::string_view bytes) override {
      if (bytes.size() > disk_.room) return Status(Code::kResourceExhausted, "no space left");
      disk_.room -= bytes.size();
      content_ += bytes;
      return {};
    }
    Result<void> Commit() override {
      if (disk_.broken) return Status(Code::kUnavailable, "syncing: I/O error");
      disk_.files[path_] = content_;
      disk_.modes[path_] = mode_;
      return {};
    }

   private:
    FakeDisk& disk_;
    const std::string path_;
    const unsigned mode_;
    std::string content_;
  };
};

}  // namespace fustor::fusion
