#include <cstdlib>
#include <ctime>

#include "adapters/asio/executor.h"
#include "adapters/json/parse.h"
#include "adapters/posix/account_names.h"
#include "adapters/posix/console.h"
#include "adapters/posix/files.h"
#include "adapters/posix/new_file.h"
#include "apps/fustor/system.h"

namespace fustor {
namespace {

class NewFile final : public client::NewFile {
 public:
  explicit NewFile(posix::NewFile file) : file_(std::move(file)) {}
  Status Write(std::string_view bytes) override { return file_.Write(bytes); }
  Status Commit() override { return file_.Commit(); }

 private:
  posix::NewFile file_;
};

class PosixHost final : public client::Host {
 public:
  WallTime Now() const override { return asio::SystemClock().WallNow(); }
  void Pause(Nanos time) override { posix::Pause(time); }

  client::Civil LocalTime(WallTime time) const override {
    constexpr std::int64_t kSecond = 1'000'000'000;
    const std::time_t seconds = time.ns / kSecond - (time.ns % kSecond < 0 ? 1 : 0);
    std::tm local{};
    if (localtime_r(&seconds, &local) == nullptr) return {};
    return {.year = std::int64_t{local.tm_year} + 1900,
            .month = local.tm_mon + 1,
            .day = local.tm_mday,
            .hour = local.tm_hour,
            .minute = local.tm_min,
            .second = local.tm_sec,
            .offset_minutes = static_cast<int>(local.tm_gmtoff / 60),
            .zone = local.tm_zone};
  }

  std::string WorkingDirectory() const override { return posix::WorkingDirectory(); }
  Result<std::string> RealPath(const std::string& path) const override {
    return posix::RealPath(path);
  }

  bool IsUser(const std::string& name) const override { return accounts_.IsUser(name); }
  bool IsGroup(const std::string& name) const override { return accounts_.IsGroup(name); }
  std::optional<std::uint32_t> UserId(const std::string& name) const override {
    return accounts_.UserId(name);
  }
  std::optional<std::uint32_t> GroupId(const std::string& name) const override {
    return accounts_.GroupId(name);
  }
  Result<client::FileTimes> Times(const std::string& path) const override {
    FUSTOR_TRY_ASSIGN(const EntryAttrs attrs, posix::AttrsOf(path));
    return client::FileTimes{attrs.mtime_ns, attrs.ctime_ns, attrs.atime_ns};
  }

  std::optional<std::string> Variable(const std::string& name) const override {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  }

  std::string UserName(std::uint32_t uid) const override {
    return accounts_.User(uid).value_or(std::to_string(uid));
  }
  std::string GroupName(std::uint32_t gid) const override {
    return accounts_.Group(gid).value_or(std::to_string(gid));
  }

  Result<std::string> ReadFile(const std::string& path, std::size_t limit_bytes) const override {
    return files_->Read(path, limit_bytes);
  }
  Result<json::Value> ParseJson(std::string_view text) const override { return json::Parse(text); }
  Result<std::unique_ptr<client::NewFile>> CreateFile(const std::string& path) const override {
    FUSTOR_TRY_ASSIGN(posix::NewFile file, posix::NewFile::Create(path));
    return std::unique_ptr<client::NewFile>(std::make_unique<NewFile>(std::move(file)));
  }

 private:
  mutable posix::AccountNames accounts_;
  const std::unique_ptr<env::Files> files_ = posix::OpenFiles();
};

}  // namespace

std::unique_ptr<client::Host> OpenHost() { return std::make_unique<PosixHost>(); }

}  // namespace fustor
