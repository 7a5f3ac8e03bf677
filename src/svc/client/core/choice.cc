#include "svc/client/core/choice.h"

#include <charconv>
#include <limits>

#include "base/path.h"

namespace fustor::client {
namespace {

// The number that a text begins with, and what follows. False: there is none.
bool TakeNumber(std::string_view* text, std::int64_t* n) {
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), *n);
  if (error != std::errc() || *n < 0) return false;
  text->remove_prefix(static_cast<std::size_t>(end - text->data()));
  return true;
}

class Maker {
 public:
  Maker(WallTime now, const LocalClock& clock) : now_(now), clock_(clock) {}

  void Text(const char* parameter, const ChoiceOptions::Text& text) {
    if (text) parameters_.emplace_back(parameter, *text);
  }
  void Number(const char* parameter, const std::optional<std::uint64_t>& n) {
    // Deeper than any path can be is the same as no limit.
    constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
    if (n) parameters_.emplace_back(parameter, std::to_string(std::min(*n, kMost)));
  }
  void Size(const char* option, const char* parameter, const ChoiceOptions::Text& text) {
    if (!text) return;
    const std::optional<std::int64_t> bytes = ParseSize(*text);
    if (!bytes) return Fail(option, "takes bytes, or a number with k, M, G, T or P", *text);
    parameters_.emplace_back(parameter, std::to_string(*bytes));
  }
  void When(const char* option, const char* parameter, const ChoiceOptions::Text& text) {
    if (!text) return;
    const Result<WallTime> time = ParseWhen(*text, now_, clock_);
    if (!time.ok()) {
      return Fail(option, "takes an age (12h, 30d, 2w, 1y) or a date (2026-11-21, yesterday)",
                  *text);
    }
    parameters_.emplace_back(parameter, std::to_string(time->ns));
  }
  template <class IdOf>
  void Ids(const char* option, const char* parameter, const ChoiceOptions::Text& text,
           const IdOf& id_of) {
    if (!text) return;
    std::string ids;
    std::string_view rest = *text;
    for (bool more = true; more;) {
      const std::size_t comma = rest.find(',');
      more = comma != std::string_view::npos;
      std::string_view name = rest.substr(0, comma);
      rest.remove_prefix(more ? comma + 1 : rest.size());
      std::optional<std::uint32_t> id = id_of(std::string(name));
      std::int64_t n = 0;
      if (!id && TakeNumber(&name, &n) && name.empty() && n <= UINT32_MAX) {
        id = static_cast<std::uint32_t>(n);
      }
      if (!id) return Fail(option, "takes names or numbers with commas between", *text);
      ids += (ids.empty() ? "" : ",") + std::to_string(*id);
    }
    parameters_.emplace_back(parameter, ids);
  }

  Result<ChoiceParameters> Take() {
    if (!status_.ok()) return status_;
    return std::move(parameters_);
  }

 private:
  void Fail(const char* option, const char* takes, const std::string& text) {
    if (!status_.ok()) return;
    status_ = Status(Code::kInvalidArgument,
                     std::string(option) + " " + takes + ", not '" + PrintablePath(text) + "'");
  }

  const WallTime now_;
  const LocalClock& clock_;
  ChoiceParameters parameters_;
  Status status_;
};

}  // namespace

std::optional<std::int64_t> ParseSize(std::string_view text) {
  std::int64_t n = 0;
  if (!TakeNumber(&text, &n) || text.size() > 1) return std::nullopt;
  if (text.empty()) return n;
  constexpr std::string_view kUnits = "kMGTP";
  const std::size_t unit = text == "K" ? 0 : kUnits.find(text[0]);
  if (unit == std::string_view::npos) return std::nullopt;
  const std::int64_t scale = std::int64_t{1} << (10 * (unit + 1));
  if (n > std::numeric_limits<std::int64_t>::max() / scale) return std::nullopt;
  return n * scale;
}

Result<WallTime> ParseWhen(std::string_view text, WallTime now, const LocalClock& clock) {
  static constexpr std::pair<std::string_view, const char*> kUnits[] = {
      {"h", " hours ago"}, {"d", " days ago"}, {"w", " weeks ago"}, {"y", " years ago"}};
  std::string_view unit = text;
  std::int64_t n = 0;
  if (TakeNumber(&unit, &n)) {
    for (const auto& [letter, words] : kUnits) {
      if (unit == letter) return ParseDate(std::to_string(n) + words, now, clock);
    }
  }
  return ParseDate(text, now, clock);
}

Result<ChoiceParameters> ParametersOf(const ChoiceOptions& o, WallTime now, const LocalClock& clock,
                                      const AccountIds& ids) {
  Maker make(now, clock);
  make.Text("regex", o.regex);
  make.Text("iregex", o.iregex);
  make.Text("type", o.type);
  make.Text("ext", o.extensions);
  make.Size("--min-size", "size_min", o.min_size);
  make.Size("--max-size", "size_max", o.max_size);
  make.When("--newer", "mtime_min_ns", o.newer);
  make.When("--older", "mtime_max_ns", o.older);
  make.When("--accessed-after", "atime_min_ns", o.accessed_after);
  make.When("--accessed-before", "atime_max_ns", o.accessed_before);
  make.When("--changed-after", "ctime_min_ns", o.changed_after);
  make.When("--changed-before", "ctime_max_ns", o.changed_before);
  make.Ids("--owner", "uid", o.owners, [&](const std::string& name) { return ids.UserId(name); });
  make.Ids("--group", "gid", o.groups, [&](const std::string& name) { return ids.GroupId(name); });
  make.Text("mode", o.mode);
  make.Text("flags", o.flags);
  make.Text("not_flags", o.not_flags);
  make.Number("links_min", o.links_min);
  make.Number("min_depth", o.depth_min);
  make.Number("max_depth", o.depth_max);
  return make.Take();
}

std::vector<cli::Option> ChoiceTable(ChoiceOptions* o) {
  return {
      {"--regex", "RE",
       "A POSIX extended expression found in the name; in the path if it has a slash.", &o->regex},
      {"--iregex", "RE", "The same in any case.", &o->iregex},
      {"--type",
       "TYPE",
       "file, directory, symlink, other or any.",
       &o->type,
       {"file", "directory", "symlink", "other", "any"}},
      {"--ext", "LIST", "One of these extensions: jpg,tar.gz. A dot: names without.",
       &o->extensions},
      {"--min-size", "SIZE", "At least so many bytes: 100, 10k, 1M, 2G.", &o->min_size},
      {"--max-size", "SIZE", "At most.", &o->max_size},
      {"--newer", "WHEN", "Content changed since: 12h, 30d, 2w, 1y ago, 2026-11-21, yesterday.",
       &o->newer},
      {"--older", "WHEN", "Not changed since.", &o->older},
      {"--accessed-after", "WHEN", "Read since, as far as the file system notes it.",
       &o->accessed_after},
      {"--accessed-before", "WHEN", "Not read since.", &o->accessed_before},
      {"--changed-after", "WHEN", "Inode changed since (owner, permissions, names).",
       &o->changed_after},
      {"--changed-before", "WHEN", "Not changed since.", &o->changed_before},
      {"--owner", "LIST", "One of these users, by name or number.", &o->owners},
      {"--group", "LIST", "One of these groups.", &o->groups},
      {"--perm", "MODE", "As find -perm: 644, or --perm=-022 (all of these), /222 (any).",
       &o->mode},
      {"--flags", "LIST",
       "One of suspect, uncertain, audit_only, agent_missing, audit_skipped, implied.", &o->flags},
      {"--not-flags", "LIST", "None of them.", &o->not_flags},
      {"--min-links", "N", "At least N hard links.", &o->links_min},
      {"--min-depth", "N", "At least N levels below.", &o->depth_min},
      {"--max-depth", "N", "At most N levels below.", &o->depth_max},
  };
}

}  // namespace fustor::client
