#include "lib/config/redact.h"

#include <gtest/gtest.h>

namespace fustor::config {
namespace {

Node Scalar(std::string text, bool quoted = false) {
  Node node;
  node.kind = Node::Kind::kScalar;
  node.scalar = std::move(text);
  node.quoted = quoted;
  return node;
}
Node Map(std::vector<std::pair<std::string, Node>> members) {
  Node node;
  node.kind = Node::Kind::kMap;
  for (auto& [key, value] : members) node.members.push_back({key, {}, std::move(value)});
  return node;
}
Node List(std::vector<Node> items) {
  Node node;
  node.kind = Node::Kind::kList;
  node.items = std::move(items);
  return node;
}

TEST(Redact, SecretsWhereverTheyAre) {
  const Node root = Map({
      {"agent_id", Scalar("a")},
      {"senders",
       Map({{"s", Map({{"uri", Scalar("http://me:pass@host:1/x")},
                       {"credential", Map({{"key", Scalar("k1")}, {"user", Scalar("u")}})}})}})},
      {"api_keys", List({Scalar("k2"), Map({{"key", Scalar("k3")}, {"pipe_id", Scalar("p")}})})},
      {"Token", Scalar("k4")},
      {"private_key_file", Scalar("/etc/key.pem")},
      {"empty", Node()},
      {"none", List({})},
      {"text", Scalar("true", true)},
      {"odd name", Scalar("a: b")},
  });
  EXPECT_EQ(RedactedYaml(root),
            "agent_id: a\n"
            "senders:\n"
            "  s:\n"
            "    uri: \"http://***@host:1/x\"\n"
            "    credential:\n"
            "      key: \"***\"\n"
            "      user: \"***\"\n"
            "api_keys:\n"
            "  - \"***\"\n"
            "  -\n"
            "    key: \"***\"\n"
            "    pipe_id: p\n"
            "Token: \"***\"\n"
            "private_key_file: /etc/key.pem\n"
            "empty: null\n"
            "none: []\n"
            "text: \"true\"\n"
            "\"odd name\": \"a: b\"\n");
  EXPECT_NE(FullYaml(root).find("k3"), std::string::npos);
  EXPECT_NE(FullYaml(root).find("me:pass@"), std::string::npos);
  EXPECT_FALSE(HoldsRedacted(root));
  EXPECT_TRUE(HoldsRedacted(Map({{"a", List({Scalar("***")})}})));
  EXPECT_TRUE(HoldsRedacted(Map({{"uri", Scalar("http://***@host/")}})));
  EXPECT_FALSE(HoldsRedacted(Map({{"glob", Scalar("**/***/x")}})));
}

// Without quotes they would be read as nothing at all.
TEST(Redact, WordsForNothingAreQuoted) {
  const Node root = Map({{"null", Scalar("null", true)}, {"Null", Scalar("x")}, {"NULL", Node()}});
  EXPECT_EQ(FullYaml(root), "\"null\": \"null\"\n\"Null\": x\n\"NULL\": null\n");
}

TEST(Redact, AtSignsElsewhereAreNoPasswords) {
  for (const char* uri : {"/data/a@b", "http://host/a@b", "http://host?x=@", "user@host"}) {
    EXPECT_NE(RedactedYaml(Map({{"uri", Scalar(uri)}})).find(uri), std::string::npos) << uri;
  }
}

TEST(MergePatch, UnitesMapsTakesAwayAndReplaces) {
  Node root = Map({{"a", Map({{"x", Scalar("1")}, {"y", Scalar("2")}})},
                   {"b", List({Scalar("1")})},
                   {"c", Scalar("3")}});
  MergePatch(Map({{"a", Map({{"x", Node()}, {"z", Map({{"w", Scalar("4")}, {"v", Node()}})}})},
                  {"b", Scalar("5")},
                  {"c", Map({{"d", Scalar("6")}})},
                  {"unknown", Node()}}),
             &root);
  EXPECT_EQ(FullYaml(root), "a:\n  y: 2\n  z:\n    w: 4\nb: 5\nc:\n  d: 6\n");
}

}  // namespace
}  // namespace fustor::config
