#include "svc/fusion/wire/views.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/http/answers.h"
#include "svc/fusion/wire/routes.h"

namespace fustor::fusion {
namespace {

// Makes the request one for a view of its key; false after having answered 401 or 404.
env::Task<bool> NameView(const ViewDoor& door, http::Request& request,
                         http::ResponseWriter& writer) {
  const std::optional<ViewSet::Access> access = co_await CheckKey(door, request, writer);
  if (!access) co_return false;
  std::vector<std::string> views = access->views;
  if (access->management) {
    for (const std::shared_ptr<View>& view : door.views.All()) views.push_back(view->id());
  }
  if (views.empty()) {
    (void)co_await http::SendDetail(writer, 404, "This API key opens no view");
    co_return false;
  }
  // The first that has one tree.
  const auto one = std::ranges::find_if(
      views, [&](const std::string& id) { return !door.views.Members(id).has_value(); });
  request.path_parameters = {{"view", one == views.end() ? views.front() : *one}};
  co_return true;
}

}  // namespace

env::Task<void> AnswerOldTree(const ViewDoor& door, http::Request& request,
                              http::ResponseWriter& writer) {
  const bool named = co_await NameView(door, request, writer);
  if (named) co_await AnswerTreeAs(door, request, writer, true);
}

env::Task<void> AnswerOldStats(const ViewDoor& door, http::Request& request,
                               http::ResponseWriter& writer) {
  const bool named = co_await NameView(door, request, writer);
  if (named) co_await AnswerStats(door, request, writer);
}

void AddViewRoutes(http::Router& router, ViewSet& views, ViewRoutesOptions options,
                   const env::Clock& clock) {
  const auto door = std::make_shared<const ViewDoor>(ViewDoor{views, options, clock});
  const auto add_at = [&](std::string method, std::string path, Answer answer) {
    router.Add(std::move(method), std::move(path),
               [door, answer](http::Request& request, http::ResponseWriter& writer) {
                 return answer(*door, request, writer);
               });
  };
  const auto add = [&](std::string method, const std::string& path, Answer answer) {
    add_at(std::move(method), "/api/v1/views" + path, answer);
  };
  // Of a forest: of each of its members.
  const auto add_each = [&](std::string method, const std::string& path, Answer answer) {
    router.Add(std::move(method), "/api/v1/views" + path,
               [door, answer](http::Request& request, http::ResponseWriter& writer) {
                 return AnswerMembers(*door, answer, request, writer);
               });
  };
  add("GET", "", &AnswerViews);
  add_each("GET", "/{view}/tree", &AnswerTree);
  add_each("GET", "/{view}/search", &AnswerSearch);
  add("GET", "/{view}/export", &AnswerExport);
  add("GET", "/{view}/diff", &AnswerDiff);
  add_each("GET", "/{view}/checkpoints", &AnswerCheckpoints);
  add_each("GET", "/{view}/stats", &AnswerStats);
  add_each("GET", "/{view}/groups", &AnswerGroups);
  add_each("GET", "/{view}/top", &AnswerTop);
  add_each("GET", "/{view}/duplicates", &AnswerDuplicates);
  add("GET", "/{view}/changes", &AnswerChanges);
  add_each("GET", "/{view}/sessions", &AnswerSessions);
  add_each("GET", "/{view}/suspect-list", &AnswerSuspects);
  add_each("GET", "/{view}/blind-spots", &AnswerBlindSpots);
  add_each("GET", "/{view}/jobs", &AnswerJobs);
  add("POST", "/{view}/jobs", &StartJob);
  add("GET", "/{view}/jobs/{job}", &AnswerJob);
  add_each("DELETE", "/{view}/reset", &AnswerReset);
  add_at("GET", "/views/fs/tree", &AnswerOldTree);
  add_at("GET", "/views/fs/stats", &AnswerOldStats);
}

}  // namespace fustor::fusion
