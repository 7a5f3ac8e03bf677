#include "svc/fusion/wire/search_request.h"

#include <array>
#include <string>
#include <utility>

#include "base/path.h"
#include "fustor/v1/views.pb.h"
#include "svc/fusion/wire/predicates.h"

namespace fustor::fusion {
namespace {

// `set` with each of a field's values; what is wrong begins with the field's name.
template <class Values, class Set>
Status SetEach(const char* field, const Values& values, std::size_t most, const Set& set) {
  if (static_cast<std::size_t>(values.size()) > most) {
    return Status(Code::kInvalidArgument,
                  std::string(field) + " has more than " + std::to_string(most) + " items");
  }
  for (const std::string& value : values) {
    const Status status = set(value);
    if (!status.ok()) return Status(status.code(), std::string(field) + " " + status.message());
  }
  return {};
}
template <class Set>
Status SetOne(const char* field, const std::string& value, const Set& set) {
  return SetEach(field, std::array<std::string, 1>{value}, 1, set);
}

Status ReadNames(const v1::SearchRequest& request, tree::SearchQuery* query) {
  FUSTOR_TRY(SetOne("pattern", request.pattern(),
                    [&](const std::string& text) { return SetPattern(text, query); }));
  FUSTOR_TRY(SetOne("regex", request.regex(), [&](const std::string& text) {
    return SetRegex(text, request.regex_any_case(), query);
  }));
  FUSTOR_TRY(SetOne("mode", request.mode(),
                    [&](const std::string& text) { return SetMode(text, query); }));
  FUSTOR_TRY(SetEach("extensions", request.extensions(), kListItemsMax,
                     [&](const std::string& text) { return AddExtension(text, query); }));
  FUSTOR_TRY(SetEach("flags", request.flags(), kListItemsMax,
                     [&](const std::string& text) { return AddMark(text, &query->marks_any); }));
  return SetEach("not_flags", request.not_flags(), kListItemsMax,
                 [&](const std::string& text) { return AddMark(text, &query->marks_none); });
}

Status ReadOwners(const v1::SearchRequest& request, tree::SearchQuery* query) {
  if (static_cast<std::size_t>(request.uids_size()) > kListItemsMax ||
      static_cast<std::size_t>(request.gids_size()) > kListItemsMax) {
    return Status(Code::kInvalidArgument,
                  "uids or gids has more than " + std::to_string(kListItemsMax) + " items");
  }
  query->uids.assign(request.uids().begin(), request.uids().end());
  query->gids.assign(request.gids().begin(), request.gids().end());
  return {};
}

}  // namespace

Status ReadSearchRequest(const v1::SearchRequest& request, tree::SearchQuery* query) {
  Result<std::string> under = NormalizeViewPath(request.under().empty() ? "/" : request.under());
  if (!under.ok()) return Status(Code::kInvalidArgument, "under " + under.status().message());
  query->under = *std::move(under);
  FUSTOR_TRY(ReadNames(request, query));
  FUSTOR_TRY(ReadOwners(request, query));
  if (request.has_kind()) {
    query->kind = static_cast<EntryKind>(request.kind());
    query->files = query->kind != EntryKind::kDirectory;
    query->directories = !query->files;
  }
  if (request.has_size_min()) query->size_min_bytes = request.size_min();
  if (request.has_size_max()) query->size_max_bytes = request.size_max();
  if (request.has_mtime_min_ns()) query->mtime_min_ns = request.mtime_min_ns();
  if (request.has_mtime_max_ns()) query->mtime_max_ns = request.mtime_max_ns();
  if (request.has_ctime_min_ns()) query->ctime_min_ns = request.ctime_min_ns();
  if (request.has_ctime_max_ns()) query->ctime_max_ns = request.ctime_max_ns();
  if (request.has_atime_min_ns()) query->atime_min_ns = request.atime_min_ns();
  if (request.has_atime_max_ns()) query->atime_max_ns = request.atime_max_ns();
  if (request.has_min_depth()) query->depth_min = request.min_depth();
  if (request.has_max_depth()) query->depth_max = request.max_depth();
  query->links_min = request.links_min();
  return {};
}

}  // namespace fustor::fusion
