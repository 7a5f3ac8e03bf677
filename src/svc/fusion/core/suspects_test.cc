#include "svc/fusion/core/suspects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/prng.h"

namespace fustor::fusion {
namespace {

struct Expected {
  std::int64_t until;
  std::int64_t mtime;
};

TEST(Suspects, ComeOutInOrderOfExpiryAsInAModel) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(seed);
    Prng prng(seed);
    Suspects suspects;
    std::map<std::string, Expected> model;
    for (int step = 0; step < 300; ++step) {
      const std::string directory = std::string("/") + static_cast<char>('a' + prng.Below(4));
      const std::string name(1, static_cast<char>('0' + prng.Below(10)));
      const std::string path = JoinPath(directory, name);
      switch (prng.Below(6)) {
        case 0:
          suspects.Erase(directory, name);
          model.erase(path);
          break;
        case 1:
          if (!suspects.empty()) {
            const auto due = *suspects.Front();
            const std::string first = JoinPath(due.directory, due.name);
            ASSERT_TRUE(model.contains(first));
            for (const auto& [at, e] : model) ASSERT_LE(due.until.ns, e.until) << at;
            EXPECT_EQ(due.mtime_ns, model[first].mtime);
            suspects.Erase(due.directory, due.name);
            model.erase(first);
          }
          break;
        case 2: {
          const std::string target = directory == "/a" ? "/b" : "/a";
          suspects.EraseWithin(target);
          std::erase_if(model, [&](auto& e) { return IsWithin(e.first, target); });
          suspects.Move(directory, target);
          std::map<std::string, Expected> moved;
          for (const auto& [at, e] : model) {
            moved[IsWithin(at, directory) ? target + at.substr(directory.size()) : at] = e;
          }
          model = std::move(moved);
          break;
        }
        default:
          model[path] = {static_cast<std::int64_t>(prng.Below(1000)), step};
          suspects.Put(directory, name, {model[path].until}, step);
      }
      ASSERT_EQ(suspects.size(), model.size());
      const auto first = suspects.First(5);
      ASSERT_EQ(first.size(), std::min<std::size_t>(5, model.size()));
      for (std::size_t i = 0; i < first.size(); ++i) {
        ASSERT_EQ(model.at(first[i].first).until, first[i].second.ns);
        if (i > 0) ASSERT_LE(first[i - 1].second, first[i].second);
      }
    }
  }
}

}  // namespace
}  // namespace fustor::fusion
