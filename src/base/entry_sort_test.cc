#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "base/entry.h"
#include "base/prng.h"

namespace fustor {
namespace {

// The dumbest model: the names themselves, equal ones in the order in which they came.
void ExpectSortsLikeTheModel(const std::vector<std::string>& names) {
  EntryList list;
  for (std::size_t i = 0; i < names.size(); ++i) {
    EntryAttrs attrs;
    attrs.inode = i;
    list.Append(names[i], attrs, "to-" + std::to_string(i));
  }
  std::vector<std::size_t> model(names.size());
  for (std::size_t i = 0; i < model.size(); ++i) model[i] = i;
  std::sort(model.begin(), model.end(), [&](std::size_t a, std::size_t b) {
    return std::tie(names[a], a) < std::tie(names[b], b);
  });
  list.SortByName();
  ASSERT_EQ(list.size(), names.size());
  for (std::size_t i = 0; i < model.size(); ++i) {
    ASSERT_EQ(list.name(i), names[model[i]]) << i;
    ASSERT_EQ(list.attrs(i).inode, model[i]) << i;
    ASSERT_EQ(list.target(i), "to-" + std::to_string(model[i])) << i;
  }
}

TEST(EntryListSort, OrdersNamesBytewiseWhateverTheyShare) {
  constexpr std::uint64_t kSeed = 20240611;
  Prng prng(kSeed);
  const std::string alphabets[] = {"ab", std::string("\x01\x7f\x80\xff", 4),
                                   "abcdefghijklmnopqrstuvwxyz"};
  for (int round = 0; round < 400; ++round) {
    SCOPED_TRACE("seed " + std::to_string(kSeed) + " round " + std::to_string(round));
    const std::string& alphabet = alphabets[round % 3];
    const std::string prefix(prng.Next() % 20, 'p');
    const std::size_t length_max = 1 + prng.Next() % 20;
    std::vector<std::string> names(prng.Next() % 300);
    for (std::string& name : names) {
      name = prefix;
      for (std::size_t n = prng.Next() % length_max; n > 0; --n) {
        name += alphabet[prng.Next() % alphabet.size()];
      }
    }
    ExpectSortsLikeTheModel(names);
    std::sort(names.begin(), names.end());
    ExpectSortsLikeTheModel(names);
    std::reverse(names.begin(), names.end());
    ExpectSortsLikeTheModel(names);
  }
}

}  // namespace
}  // namespace fustor
