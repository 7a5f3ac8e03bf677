#include "svc/fusion/wire/views.h"

#include <memory>

#include "svc/fusion/wire/routes.h"

namespace fustor::fusion {

void AddViewRoutes(http::Router& router, ViewSet& views, ViewRoutesOptions options,
                   const env::Clock& clock) {
  const auto door = std::make_shared<const ViewDoor>(ViewDoor{views, options, clock});
  using Answer = env::Task<void> (*)(const ViewDoor&, http::Request&, http::ResponseWriter&);
  const auto add = [&](std::string method, const std::string& path, Answer answer) {
    router.Add(std::move(method), "/api/v1/views" + path,
               [door, answer](http::Request& request, http::ResponseWriter& writer) {
                 return answer(*door, request, writer);
               });
  };
  add("GET", "", &AnswerViews);
  add("GET", "/{view}/tree", &AnswerTree);
  add("GET", "/{view}/search", &AnswerSearch);
  add("GET", "/{view}/stats", &AnswerStats);
  add("GET", "/{view}/changes", &AnswerChanges);
  add("GET", "/{view}/sessions", &AnswerSessions);
  add("GET", "/{view}/suspect-list", &AnswerSuspects);
  add("GET", "/{view}/blind-spots", &AnswerBlindSpots);
  add("DELETE", "/{view}/reset", &AnswerReset);
}

}  // namespace fustor::fusion
