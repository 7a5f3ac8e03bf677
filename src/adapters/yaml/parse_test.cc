#include "adapters/yaml/parse.h"

#include <gtest/gtest.h>

#include <map>

#include "base/prng.h"

namespace fustor::yaml {
namespace {

using config::Node;

std::string Shown(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return "null";
    case Node::Kind::kScalar:
      return node.quoted ? "'" + node.scalar + "'" : node.scalar;
    case Node::Kind::kList: {
      std::string text = "[";
      for (const Node& item : node.items) text += Shown(item) + ",";
      return text + "]";
    }
    case Node::Kind::kMap: {
      std::string text = "{";
      for (const auto& member : node.members) text += member.key + ":" + Shown(member.value) + ",";
      return text + "}";
    }
  }
  return "";
}

TEST(Parse, KeepsOrderQuotesAndPlaces) {
  const Node root = Parse(
                        "# comment\n"
                        "host: 0.0.0.0\n"
                        "views:\n"
                        "  main:\n"
                        "    driver: \"fs\"\n"
                        "    keys: [a, '1', ~, null]\n"
                        "  empty:\n"
                        "text: |\n"
                        "  two\n"
                        "  lines\n",
                        "default.yaml")
                        .value();
  EXPECT_EQ(Shown(root),
            "{host:0.0.0.0,views:{main:{driver:'fs',keys:[a,'1',null,null,],},empty:null,},"
            "text:'two\nlines\n',}");
  const Node& main = *root.Find("views")->Find("main");
  EXPECT_EQ(main.Find("driver")->mark.ToString(), "default.yaml:5:13");
  EXPECT_EQ(main.members[1].mark.ToString(), "default.yaml:6:5");
  EXPECT_EQ(main.Find("keys")->items[1].mark.ToString(), "default.yaml:6:15");
}

TEST(Parse, NothingIsNull) {
  for (const char* text : {"", "\n", "# only a comment\n", "---\n"}) {
    EXPECT_EQ(Parse(text, "f").value().kind, Node::Kind::kNull) << text;
  }
}

TEST(Parse, ErrorsNameFileLineAndColumn) {
  const std::pair<std::string, std::string> cases[] = {
      {"a: 1\na: 2\n", "f:2:1: key 'a' is given twice"},
      {"a:\n  b: 1\n  b: 2\n", "f:3:3: key 'b' is given twice"},
      {"a: &x 1\n", "f:1:4: anchors (&name) are not supported"},
      {"a: *x\n", "f:1:4: the referenced anchor is not defined"},
      {"a: !int 1\n", "f:1:4: tags (!name) are not supported"},
      {"<<: {a: 1}\n", "f:1:1: merge keys (<<) are not supported"},
      {"[a]: 1\n", "f:1:1: a key must be text"},
      {"a: \"x\\Ny\"\n", "f:1:4: an escape that is no character"},
      {"- a\n- b\n", "f:1:1: expected keys and values at the top"},
      {"just text\n", "f:1:1: expected keys and values at the top"},
      {"a: 1\n---\nb: 2\n", "f:3:1: more than one document in a file"},
      {"a: [1, 2\n", "f:2:1: end of sequence flow not found"},
      {"a: 1\n b: 2\n", "f:2:3: illegal map value"},
      {"a:\n\t- b\n", "f:2:2: illegal block entry"},
      {"a: \xff\n", "f: not UTF-8"},
      {std::string("a: \0\n", 5), "f: contains a NUL byte"},
  };
  for (const auto& [text, want] : cases) {
    const Result<Node> root = Parse(text, "f");
    EXPECT_EQ(root.status().code(), Code::kInvalidArgument);
    EXPECT_EQ(root.status().message(), want) << text;
  }
}

TEST(Parse, HoldsItsLimits) {
  const auto nested = [](std::size_t depth) {
    return "a: " + std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(Parse(nested(kDepthMax - 1), "f").ok());
  EXPECT_EQ(Parse(nested(kDepthMax), "f").status().message(), "f:1:35: nested too deeply");
  EXPECT_FALSE(Parse(nested(100'000), "f").ok());
  EXPECT_FALSE(Parse("a: " + std::string(100'000, '{'), "f").ok());
  EXPECT_EQ(Parse(std::string(kFileBytesMax + 1, '#'), "f").status().message(),
            "f: larger than 1 MiB");
  // Which could not be written so that it is read again.
  EXPECT_TRUE(Parse("? " + std::string(kKeyBytesMax, 'k') + "\n: v\n", "f").ok());
  EXPECT_EQ(Parse("? " + std::string(kKeyBytesMax + 1, 'k') + "\n: v\n", "f").status().message(),
            "f:1:3: a key of more than 160 bytes");
}

TEST(Parse, ChangedTextNeverCrashes) {
  const std::string text =
      "host: 0.0.0.0\nviews:\n  main:\n    driver: \"fs\"\n    keys: [a, 'b', {c: d}]\n"
      "text: |\n  two\n  lines\nlist:\n- 1\n- ? x\n  : y\n";
  ASSERT_TRUE(Parse(text, "f").ok());
  constexpr std::string_view kHostile = "[]{}:,-?&*!|>'\"%@`#\n\t ~<";
  for (std::uint64_t seed = 0; seed < 5'000; ++seed) {
    Prng random(seed);
    std::string changed = text;
    for (int i = 0; i < 4; ++i) {
      changed[random.Below(changed.size())] = kHostile[random.Below(kHostile.size())];
    }
    const Result<Node> root = Parse(changed, "f");
    if (!root.ok())
      EXPECT_TRUE(root.status().message().starts_with("f:")) << root.status().message();
  }
}

class MemoryFiles final : public env::Files {
 public:
  std::map<std::string, std::string> contents;

  Result<std::string> Read(const std::string& path, std::size_t) override {
    const auto it = contents.find(path);
    if (it == contents.end()) return Status(Code::kPermissionDenied, "permission denied");
    return it->second;
  }
  Result<std::vector<std::string>> List(const std::string& folder) override {
    if (folder != "/h/fusion-config") return Status(Code::kNotFound, "no such directory");
    return names;
  }
  Result<void> WriteAtomically(const std::string&, const std::string&, unsigned) override {
    return {};
  }
  Result<void> MakeDirectories(const std::string&, unsigned) override { return {}; }
  Result<void> Remove(const std::string&) override { return {}; }

  std::vector<std::string> names;
};

TEST(LoadFolder, AllFilesAreOneNameSpace) {
  MemoryFiles files;
  files.names = {".hidden.yaml", "a.yaml", "b.yml", "notes.txt"};
  files.contents = {{"/h/fusion-config/a.yaml", "port: 1\nviews:\n  a: {driver: fs}\n"},
                    {"/h/fusion-config/b.yml", "views:\n  b: {driver: fs}\n"}};
  const Node root = LoadFolder(files, "/h/fusion-config").value();
  EXPECT_EQ(Shown(root), "{port:1,views:{a:{driver:fs,},b:{driver:fs,},},}");
  EXPECT_EQ(root.Find("views")->members[1].mark.ToString(), "fusion-config/b.yml:2:3");
}

TEST(LoadFolder, TellsWhatIsWrongAndWhere) {
  MemoryFiles files;
  EXPECT_EQ(LoadFolder(files, "/nope").status().code(), Code::kNotFound);
  EXPECT_EQ(LoadFolder(files, "/h/fusion-config").status().message(),
            "/h/fusion-config: no configuration file (*.yaml) there");
  files.names = {"a.yaml", "b.yaml"};
  files.contents["/h/fusion-config/a.yaml"] = "port: 1\nviews:\n  a: {driver: fs}\n";
  EXPECT_EQ(LoadFolder(files, "/h/fusion-config").status().message(),
            "/h/fusion-config/b.yaml: permission denied");
  files.contents["/h/fusion-config/b.yaml"] = "views:\n  a: {driver: fs}\n";
  EXPECT_EQ(LoadFolder(files, "/h/fusion-config").status().message(),
            "fusion-config/b.yaml:2:3: 'views.a' is already defined at fusion-config/a.yaml:3:3");
  files.contents["/h/fusion-config/b.yaml"] = "port: 2\n";
  EXPECT_EQ(LoadFolder(files, "/h/fusion-config").status().message(),
            "fusion-config/b.yaml:1:1: 'port' is already defined at fusion-config/a.yaml:1:1");
}

}  // namespace
}  // namespace fustor::yaml
