#include "lib/config/reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fustor::config {
namespace {

// Builds trees by hand: a library test needs no YAML.
class Tree {
 public:
  static Node Text(std::string value, bool quoted = false) {
    Node node = At(Node::Kind::kScalar);
    node.scalar = std::move(value);
    node.quoted = quoted;
    return node;
  }
  static Node List(std::vector<Node> items) {
    Node node = At(Node::Kind::kList);
    node.items = std::move(items);
    return node;
  }
  static Node Map(std::vector<std::pair<std::string, Node>> members) {
    Node node = At(Node::Kind::kMap);
    int line = 1;
    for (auto& [key, value] : members) {
      value.mark.line = line;
      node.members.push_back({std::move(key), {File(), line, 1}, std::move(value)});
      ++line;
    }
    return node;
  }
  static Node Null() { return At(Node::Kind::kNull); }

 private:
  static std::shared_ptr<const std::string> File() {
    static const auto file = std::make_shared<const std::string>("f");
    return file;
  }
  static Node At(Node::Kind kind) {
    Node node;
    node.kind = kind;
    node.mark = {File(), 1, 5};
    return node;
  }
};

TEST(Reader, GivesWhatIsThereAndElseTheDefault) {
  const Node node = Tree::Map({{"name", Tree::Text("a")},
                               {"port", Tree::Text("8101")},
                               {"ratio", Tree::Text("0.5")},
                               {"on", Tree::Text("Yes")},
                               {"off", Tree::Text("false")},
                               {"wait", Tree::Text("1.5")},
                               {"poll", Tree::Text("250 ms")},
                               {"year", Tree::Text("365d")},
                               {"level", Tree::Text("INFO")},
                               {"list", Tree::List({Tree::Text("x"), Tree::Text("y")})},
                               {"one", Tree::Text("x")},
                               {"nothing", Tree::Null()}});
  Problems problems;
  Reader reader(node, "", &problems);
  EXPECT_EQ(reader.RequireString("name"), "a");
  EXPECT_EQ(reader.Int("port", 0, 1, 65535), 8101);
  EXPECT_EQ(reader.Double("ratio", 0, 0, 1), 0.5);
  EXPECT_TRUE(reader.Bool("on", false));
  EXPECT_FALSE(reader.Bool("off", true));
  EXPECT_EQ(reader.Duration("wait", Nanos(0)), Millis(1500));
  EXPECT_EQ(reader.Duration("poll", Nanos(0)), Millis(250));
  EXPECT_EQ(reader.Duration("year", Nanos(0)), Seconds(365 * 86'400));
  EXPECT_EQ((reader.Enum<int>("level", {{"info", 1}, {"debug", 2}})), 1);
  EXPECT_EQ(reader.Names("list").size(), 2u);
  EXPECT_EQ(reader.Names("one")[0].where, "one");
  EXPECT_FALSE(reader.Has("nothing"));
  EXPECT_EQ(reader.String("nothing", "d"), "d");
  EXPECT_EQ(reader.Int("missing", -3), -3);
  EXPECT_EQ((reader.Enum<int>("mode", {{"a", 1}, {"b", 2}}, 2)), 2);
  EXPECT_EQ(reader.Duration("other"), std::nullopt);
  reader.Finish();
  EXPECT_TRUE(problems.status().ok()) << problems.status().message();
}

TEST(Reader, EveryProblemHasItsText) {
  const Node node = Tree::Map({{"port", Tree::Text("http")},
                               {"size", Tree::Text("70000")},
                               {"count", Tree::Text("-1")},
                               {"ratio", Tree::Text("1.5")},
                               {"flag", Tree::Text("true", true)},
                               {"wait", Tree::Text("-1")},
                               {"long", Tree::Text("101 years")},
                               {"level", Tree::Text("inof")},
                               {"name", Tree::Text("", true)},
                               {"list", Tree::List({Tree::Map({})})},
                               {"text", Tree::List({})},
                               {"child", Tree::Text("x")},
                               {"views", Tree::Map({{"a/b", Tree::Map({})}})},
                               {"hot_file_treshold", Tree::Text("1")},
                               {"zzzzzzzzz", Tree::Text("secret")}});
  Problems problems;
  Reader reader(node, "x", &problems);
  EXPECT_EQ(reader.Int("port", 5, 1, 65535), 5);
  EXPECT_EQ(reader.Int("size", 5, 1, 65535), 5);
  EXPECT_EQ(reader.Int("count", 5, 0), 5);
  EXPECT_EQ(reader.Double("ratio", 0.1, 0, 1), 0.1);
  EXPECT_FALSE(reader.Bool("flag", false));
  EXPECT_EQ(reader.Duration("wait", Seconds(7)), Seconds(7));
  EXPECT_EQ(reader.Duration("long", Seconds(7)), Seconds(7));
  EXPECT_EQ((reader.Enum<int>("level", {{"info", 1}, {"debug", 2}}, 2)), 2);
  EXPECT_EQ(reader.RequireString("name"), "");
  EXPECT_TRUE(reader.Names("list").empty());
  EXPECT_EQ(reader.String("text", "d"), "d");
  Reader child = reader.Child("child");
  child.Finish();
  EXPECT_TRUE(reader.Children("views").empty());
  EXPECT_EQ(reader.RequireString("needed"), "");
  EXPECT_EQ((reader.Enum<int>("driver", {{"fs", 1}})), 1);
  EXPECT_EQ(reader.Int("hot_file_threshold", 60), 60);
  reader.Finish();
  const std::string duration = "seconds (0.5) or a duration (500ms, 30s, 5m, 12h, 1d)";
  EXPECT_EQ(
      problems.status().message(),
      "f:1:5: x.port: expected an integer, found text\n"
      "f:2:5: x.size: must be from 1 to 65535\n"
      "f:3:5: x.count: must be at least 0\n"
      "f:4:5: x.ratio: must be from 0 to 1\n"
      "f:5:5: x.flag: expected true or false, found text\n"
      "f:6:5: x.wait: expected " +
          duration +
          ", found text\n"
          "f:7:5: x.long: expected " +
          duration +
          ", found text\n"
          "f:8:5: x.level: 'inof' is not one of info, debug; did you mean 'info'?\n"
          "f:9:5: x.name: must not be empty\n"
          "f:1:5: x.list[0]: expected text, found a map\n"
          "f:11:5: x.text: expected text, found a list\n"
          "f:12:5: x.child: expected a map, found text\n"
          "f:1:1: x.views: a name is made of letters, digits, '.', '_' and '-', at most 128 of "
          "them\n"
          "f:1:5: x: 'needed' is missing\n"
          "f:1:5: x: 'driver' is missing\n"
          "f:14:1: unknown key 'hot_file_treshold' in x; did you mean 'hot_file_threshold'?\n"
          "f:15:1: unknown key 'zzzzzzzzz' in x");
}

TEST(Reader, WhatMayBeASecretIsNotShown) {
  const std::string secret = "k3y-0123456789abcdef";
  const Node node = Tree::Map({{secret, Tree::Text("x")},
                               {"VERYSECRET", Tree::Text("x")},
                               {"driver", Tree::Text(secret)},
                               {"Pipes", Tree::Text("x")},
                               {"data-2", Tree::Text("x")}});
  Problems problems;
  Reader reader(node, "x", &problems);
  EXPECT_EQ((reader.Enum<int>("driver", {{"fs", 1}})), 1);
  reader.String("pipes", "");
  const std::vector<std::string> known = {"main"};
  CheckReference(Name{secret, {}, "x.pipe"}, "pipe", known, &problems);
  reader.Finish();
  EXPECT_EQ(problems.status().message().find(secret), std::string::npos);
  EXPECT_THAT(problems.status().message(), testing::HasSubstr("x.driver: '...' is not one of fs"));
  EXPECT_THAT(problems.status().message(), testing::HasSubstr("no pipe is called '...'"));
  EXPECT_THAT(problems.status().message(), testing::HasSubstr("unknown key '...' in x"));
  EXPECT_THAT(problems.status().message(), testing::HasSubstr("did you mean 'pipes'?"));
  EXPECT_THAT(problems.status().message(), testing::HasSubstr("unknown key 'data-2' in x"));
}

TEST(Reader, ReferencesThatDangleAreTold) {
  const Node node = Tree::Map({{"source", Tree::Text("hme")}, {"view", Tree::Text("main")}});
  Problems problems;
  Reader reader(node, "pipes.p", &problems);
  const std::vector<std::string> known = {"home", "main"};
  CheckReference(reader.RequireName("source"), "source", known, &problems);
  CheckReference(reader.RequireName("view"), "view", known, &problems);
  EXPECT_EQ(problems.status().message(),
            "f:1:5: pipes.p.source: no source is called 'hme'; did you mean 'home'?");
}

TEST(Problems, HoldsTheFirstFiftyAndCountsTheRest) {
  Problems problems;
  for (int i = 0; i < 60; ++i) problems.Add({}, "p" + std::to_string(i));
  const std::string text = problems.status().message();
  EXPECT_NE(text.find("p49\nand 10 more"), std::string::npos);
  EXPECT_EQ(text.find("p50"), std::string::npos);
}

TEST(Nearest, FindsMisspeltWordsAndNoOthers) {
  const std::vector<std::string> words = {"host", "port", "receivers", "views", "pipes"};
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"prot", "port"},  {"recievers", "receivers"},
      {"View", "views"}, {"PORT", "port"},
      {"hots", "host"},  {"logging", ""},
      {"x", ""},         {"", ""},
  };
  for (const auto& [word, want] : cases) EXPECT_EQ(Nearest(word, words), want) << word;
  EXPECT_EQ(Nearest(std::string(100'000, 'a'), words), "");
}

TEST(Merge, UnitesSectionsAndRefusesEverythingElseTwice) {
  const auto views = [](std::string name) {
    return Tree::Map({{"views", Tree::Map({{std::move(name), Tree::Text("x")}})}});
  };
  const Node both = Merge({views("a"), Tree::Null(), views("b")}).value();
  EXPECT_EQ(both.Find("views")->members.size(), 2u);
  EXPECT_EQ(Merge({views("a"), views("a")}).status().message(),
            "f:1:1: 'views.a' is already defined at f:1:1");
  EXPECT_EQ(Merge({views("a"), Tree::Map({{"views", Tree::Text("x")}})}).status().message(),
            "f:1:1: 'views' is already defined at f:1:1");
  EXPECT_EQ(Merge({}).value().kind, Node::Kind::kMap);
}

}  // namespace
}  // namespace fustor::config
