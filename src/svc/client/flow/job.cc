#include "svc/client/flow/job.h"

#include <algorithm>

#include "base/base64.h"
#include "base/path.h"

namespace fustor::client {
namespace {

int ExitCodeOf(const Status& status) {
  switch (status.code()) {
    case Code::kOk:
      return cli::kExitOk;
    case Code::kUnavailable:
    case Code::kDeadlineExceeded:
      return cli::kExitNotReady;
    default:
      return cli::kExitFailed;
  }
}

constexpr std::int64_t kSecond = 1'000'000'000;

}  // namespace

void Job::Fail(const Status& status) {
  if (status.ok()) return;
  out.Complain(status.message());
  exit_code = std::max(exit_code, ExitCodeOf(status));
}

std::vector<std::string> PathsOrHere(const std::vector<std::string>& paths) {
  return paths.empty() ? std::vector<std::string>{"."} : paths;
}

Result<Place> LocateKnown(Job& job, const std::string& typed) {
  FUSTOR_TRY_ASSIGN(Place place, job.lookup.Locate(typed, Lookup::Links::kFollow));
  FUSTOR_TRY_ASSIGN(const Node node, job.lookup.Get(place, false));
  return place;
}

std::uint64_t UintOf(const json::Value* object, std::string_view name) {
  const json::Value* value = object == nullptr ? nullptr : object->Find(name);
  return value == nullptr ? 0 : value->AsUint().value_or(0);
}

std::string PathAsTyped(const Place& place, std::string_view typed, std::string_view view_path) {
  std::string_view below = view_path.substr(place.path.size());
  if (place.path == "/") below = view_path == "/" ? "" : view_path;
  return PathAsTyped(typed, below);
}

std::string TimeText(const Host& host, std::int64_t ns) {
  return ShortTime(host.LocalTime(WallTime{ns}));
}

std::string FullTimeText(const Host& host, std::int64_t ns, std::size_t digits) {
  const std::int64_t nanos = ns % kSecond + (ns % kSecond < 0 ? kSecond : 0);
  return FullTime(host.LocalTime(WallTime{ns}), nanos, digits);
}

void AppendEntryJson(const Place& place, const Node& node, const json::Value& answer,
                     std::string* out) {
  const std::string path = place.RealPath(node.path);
  JsonWriter json(out);
  json.BeginObject();
  json.Key("name").String(SplitPath(path).second).Key("path").String(path);
  if (!IsUtf8(path)) json.Key("path_b64").String(Base64Encode(path));
  for (const auto& [key, value] : answer.members()) {
    constexpr std::string_view kLeftOut[] = {"name",   "path",        "path_b64", "children",
                                             "job_id", "job_pending", "next",     "revision"};
    if (std::find(std::begin(kLeftOut), std::end(kLeftOut), key) != std::end(kLeftOut)) continue;
    json.Key(key);
    value.Write(&json);
  }
  json.Key("view").String(place.view).Key("view_path").String(node.path).EndObject();
  *out += '\n';
}

std::optional<ChoiceParameters> ChoiceOf(Job& job, std::string_view command,
                                         const ChoiceOptions& options) {
  const Host& host = job.ports.host;
  Result<ChoiceParameters> choice = ParametersOf(options, host.Now(), host, host);
  if (choice.ok()) return *std::move(choice);
  const std::string name(command);
  job.out.Complain(name + ": " + choice.status().message() + "\nTry 'fustor " + name + " --help'.");
  job.exit_code = cli::kExitUsage;
  return std::nullopt;
}

}  // namespace fustor::client
