#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/prng.h"
#include "lib/http/http.h"

namespace fustor::http {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

env::Task<void> Nothing(Request&, ResponseWriter&) { co_return; }

Router Make(std::initializer_list<std::pair<const char*, const char*>> routes) {
  Router router;
  for (const auto& [method, pattern] : routes) router.Add(method, pattern, Nothing);
  return router;
}

TEST(Router, FindsLiteralsBeforeParameters) {
  const Router router = Make({{"GET", "/"},
                              {"GET", "/views"},
                              {"GET", "/views/{view}"},
                              {"GET", "/views/all"},
                              {"GET", "/views/{view}/tree"},
                              {"GET", "/views/{id}/jobs/{job}"},
                              {"POST", "/views/{view}/all"},
                              {"GET", "/{any}/stats"}});
  struct Case {
    std::string_view method;
    std::string_view path;
    std::string_view pattern;
  };
  const Case cases[] = {
      {"GET", "/", "/"},
      {"GET", "/views", "/views"},
      {"GET", "/views/", "/views"},
      {"GET", "/views/all", "/views/all"},
      {"GET", "/views/all/", "/views/all"},
      {"GET", "/views/one", "/views/{view}"},
      {"GET", "/views/all/tree", "/views/{view}/tree"},
      {"GET", "/views/v/jobs/7", "/views/{id}/jobs/{job}"},
      {"GET", "/views/stats", "/views/{view}"},
      {"GET", "/x/stats", "/{any}/stats"},
      {"HEAD", "/views/all", "/views/all"},
      {"POST", "/views/x/all", "/views/{view}/all"},
      {"GET", "/views//tree", ""},
      {"GET", "//views", ""},
      {"GET", "/views//", ""},
      {"GET", "/nothing", ""},
      {"GET", "", ""},
      {"GET", "views", ""},
      {"GET", "/Views", ""},
  };
  for (const Case& c : cases) {
    const Router::Match match = router.Find(c.method, c.path);
    EXPECT_EQ(match.pattern, c.pattern) << c.method << " " << c.path;
    EXPECT_EQ(match.handler != nullptr, !c.pattern.empty());
  }
}

TEST(Router, GivesParametersTheirNames) {
  const Router router = Make({{"GET", "/v/{a}/w/{b}"}, {"PUT", "/v/{c}/w/{d}"}});
  EXPECT_THAT(router.Find("GET", "/v/1/w/%2/").parameters,
              ElementsAre(Pair("a", "1"), Pair("b", "%2")));
  EXPECT_THAT(router.Find("PUT", "/v/{c}/w/ /").parameters,
              ElementsAre(Pair("c", "{c}"), Pair("d", " ")));
}

TEST(Router, SaysWhichMethodsWouldBeRight) {
  const Router router =
      Make({{"GET", "/a/{x}"}, {"DELETE", "/a/b"}, {"PUT", "/a/b"}, {"PUT", "/a/{x}"}});
  EXPECT_THAT(router.Find("POST", "/a/b").allowed, ElementsAre("DELETE", "GET", "HEAD", "PUT"));
  EXPECT_THAT(router.Find("POST", "/a/c").allowed, ElementsAre("GET", "HEAD", "PUT"));
  EXPECT_THAT(router.Find("get", "/a/c").allowed, ElementsAre("GET", "HEAD", "PUT"));
  EXPECT_THAT(router.Find("POST", "/a").allowed, IsEmpty());
  EXPECT_EQ(router.Find("GET", "/a/b").pattern, "/a/{x}") << "the literal has no such method";
  EXPECT_EQ(router.Find("HEAD", "/a/b").pattern, "/a/{x}");
}

TEST(Router, KeepsTheLimitsOfARoute) {
  Router router;
  router.Add("PUT", "/big", Nothing, {.body_bytes_max = 123});
  EXPECT_EQ(router.Find("PUT", "/big").options.body_bytes_max, 123u);
}

TEST(Router, NamesAllItsRoutes) {
  EXPECT_THAT(Make({}).Routes(), IsEmpty());
  const Router router = Make({{"GET", "/"}, {"GET", "/a/{x}"}, {"PUT", "/a/{x}"}, {"PUT", "/a/b"}});
  EXPECT_THAT(router.Routes(), UnorderedElementsAre(Pair("GET", "/"), Pair("GET", "/a/{x}"),
                                                    Pair("PUT", "/a/{x}"), Pair("PUT", "/a/b")));
}

TEST(RouterDeathTest, RefusesTheSameRouteTwice) {
  Router router = Make({{"GET", "/a/{x}"}});
  EXPECT_DEATH(router.Add("GET", "/a/{y}/", Nothing), "added twice");
}

// The dumbest router: all patterns in order of preference, segment by segment.
struct Model {
  std::map<std::pair<std::string, std::string>, bool> routes;

  static std::vector<std::string> Split(std::string path) {
    if (path.ends_with('/')) path.pop_back();
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < path.size(); ++i) {
      if (path[i] == '/') {
        parts.emplace_back();
      } else {
        parts.back() += path[i];
      }
    }
    return parts;
  }

  std::string Find(const std::string& method, const std::string& path) const {
    const auto want = Split(path);
    std::string best;
    std::string best_rank;
    for (const auto& [key, unused] : routes) {
      const auto have = Split(key.second);
      if (key.first != method || have.size() != want.size()) continue;
      std::string rank;
      for (std::size_t i = 0; i < have.size(); ++i) {
        const bool parameter = have[i] == "{p}";
        if (parameter ? want[i].empty() : have[i] != want[i]) rank += 'x';
        rank += parameter ? 'b' : 'a';
      }
      if (rank.find('x') != std::string::npos) continue;
      if (best.empty() || rank < best_rank) {
        best = key.second;
        best_rank = rank;
      }
    }
    return best;
  }
};

TEST(Router, AgreesWithAModelOnRandomTables) {
  const std::uint64_t seed = 4242;
  Prng prng(seed);
  static constexpr const char* kParts[] = {"/a", "/b", "/{p}"};
  static constexpr const char* kAsked[] = {"/a", "/b", "/c", "/"};
  static constexpr const char* kMethods[] = {"GET", "PUT"};
  for (int round = 0; round < 300; ++round) {
    Router router;
    Model model;
    for (std::uint64_t n = prng.Below(12); n > 0; --n) {
      std::string pattern;
      for (std::uint64_t parts = 1 + prng.Below(4); parts > 0; --parts)
        pattern += kParts[prng.Below(3)];
      const std::string method = kMethods[prng.Below(2)];
      if (model.routes.emplace(std::pair(method, pattern), true).second) {
        router.Add(method, pattern, Nothing);
      }
    }
    for (int ask = 0; ask < 60; ++ask) {
      std::string path;
      for (std::uint64_t parts = 1 + prng.Below(4); parts > 0; --parts)
        path += kAsked[prng.Below(4)];
      const std::string method = kMethods[prng.Below(2)];
      ASSERT_EQ(router.Find(method, path).pattern, model.Find(method, path))
          << method << " " << path << " seed " << seed << " round " << round;
    }
  }
}

}  // namespace
}  // namespace fustor::http
