// `fustor export`.
#include "base/path.h"
#include "svc/client/flow/job.h"

namespace fustor::client {
namespace {

constexpr Nanos kProgressEvery = Millis(500);

std::string FormatFor(const ExportOptions& options) {
  if (!options.format.empty()) return options.format;
  const std::string_view file = options.output ? std::string_view(*options.output) : "";
  if (file.ends_with(".csv")) return "csv";
  if (file.ends_with(".parquet")) return "parquet";
  return "ndjson";
}

Fusion::Query QueryFor(const ExportOptions& options, const std::string& under,
                       const ChoiceParameters& choice) {
  Fusion::Query query = {{"format", FormatFor(options)}, {"under", under}};
  if (options.columns) query.emplace_back("columns", *options.columns);
  if (options.pattern) query.emplace_back("pattern", *options.pattern);
  if (options.spreadsheet) query.emplace_back("spreadsheet", "true");
  query.insert(query.end(), choice.begin(), choice.end());
  return query;
}

// One line on the terminal that says how much has come.
class Progress {
 public:
  explicit Progress(Job& job)
      : job_(job), shows_(job.ports.terminal.errors_interactive() && !job.out.interactive()) {}
  // For a file, whatever standard output is.
  void ShowAlways() { shows_ = job_.ports.terminal.errors_interactive(); }

  void Add(std::size_t bytes) {
    bytes_ += bytes;
    if (!shows_) return;
    const WallTime now = job_.ports.host.Now();
    if (now - shown_at_ < kProgressEvery) return;
    shown_at_ = now;
    job_.ports.terminal.WriteError("\r" + HumanSize(bytes_) + " written   ");
    shown_ = true;
  }
  void Clear() {
    if (shown_) job_.ports.terminal.WriteError("\r" + std::string(24, ' ') + "\r");
  }

 private:
  Job& job_;
  bool shows_;
  bool shown_ = false;
  std::uint64_t bytes_ = 0;
  WallTime shown_at_;
};

Status Export(Job& job, const ExportOptions& options, const ChoiceParameters& choice) {
  if (FormatFor(options) == "parquet" && !options.output && job.out.interactive()) {
    return Status(Code::kInvalidArgument,
                  "Parquet is nothing to look at: say with -o FILE where it shall go");
  }
  // An export of nothing would be empty.
  FUSTOR_TRY_ASSIGN(const Place place, LocateKnown(job, options.path));
  std::unique_ptr<NewFile> file;
  Progress progress(job);
  if (options.output) {
    Result<std::unique_ptr<NewFile>> created = job.ports.host.CreateFile(*options.output);
    if (!created.ok()) {
      return Status(created.status().code(), HarmlessText(created.status().message()));
    }
    file = *std::move(created);
    progress.ShowAlways();
  }
  Status written;
  Status status =
      job.lookup.Download("/api/v1/views/" + place.view + "/export",
                          QueryFor(options, place.path, choice), [&](std::string_view piece) {
                            progress.Add(piece.size());
                            if (file != nullptr) {
                              written = file->Write(piece);
                              return written.ok();
                            }
                            job.out.Add(piece);
                            return job.out.open();
                          });
  progress.Clear();
  if (written.ok() && status.ok() && file != nullptr) written = file->Commit();
  if (!written.ok()) {
    return Status(written.code(), "cannot write " + PrintablePath(*options.output) + ": " +
                                      HarmlessText(written.message()));
  }
  if (status.code() == Code::kCancelled) return {};  // Nobody reads any more.
  if (status.ok() || file == nullptr) return status;
  return Status(status.code(),
                status.message() + "; " + PrintablePath(*options.output) + " was not written");
}

}  // namespace

void ExportView(Job& job, const ExportOptions& options) {
  const std::optional<ChoiceParameters> choice = ChoiceOf(job, "export", options.choice);
  if (choice) job.Fail(Export(job, options, *choice));
}

}  // namespace fustor::client
