#include "adapters/yaml/parse.h"

#include <yaml-cpp/anchor.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <optional>
#include <set>
#include <sstream>

#include "base/path.h"

namespace fustor::yaml {
namespace {

using config::Mark;
using config::Member;
using config::Node;

// Leaves the parser from inside a callback; never leaves this file.
struct Refused {
  Status status;
};

Status Malformed(const Mark& mark, std::string_view why) {
  return Status(Code::kInvalidArgument, mark.ToString() + ": " + std::string(why));
}

// Builds the tree from the parser's events. open_ is the way from the root to where we are.
class Builder final : public YAML::EventHandler {
 public:
  explicit Builder(std::shared_ptr<const std::string> file) : file_(std::move(file)) {}

  Node TakeRoot() { return std::move(root_); }
  Mark At(const YAML::Mark& mark) const {
    if (mark.is_null()) return {file_, 0, 0};
    return {file_, mark.line + 1, mark.column + 1};
  }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    RefuseAnchor(mark, anchor);
    Take(Leaf(mark));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw Refused{Malformed(At(mark), "aliases (*name) are not supported; repeat the value")};
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    RefuseAnchor(mark, anchor);
    RefuseTag(mark, tag);
    if (!IsUtf8(value)) throw Refused{Malformed(At(mark), "an escape that is no character")};
    Node node = Leaf(mark);
    node.quoted = tag == "!";
    // Plain forms of null come as text when the parser meets them here.
    const bool null = !node.quoted && (value == "~" || value == "null" || value.empty());
    node.kind = null ? Node::Kind::kNull : Node::Kind::kScalar;
    node.scalar = null ? "" : value;
    Take(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, Node::Kind::kList);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, Node::Kind::kMap);
  }
  void OnMapEnd() override { Close(); }

 private:
  struct Level {
    Node node;
    std::optional<Member> pending;  // A key whose value comes next.
    std::set<std::string> keys;
  };

  Node Leaf(const YAML::Mark& mark) const {
    Node node;
    node.mark = At(mark);
    return node;
  }
  void RefuseAnchor(const YAML::Mark& mark, YAML::anchor_t anchor) const {
    if (anchor == YAML::NullAnchor) return;
    throw Refused{Malformed(At(mark), "anchors (&name) are not supported")};
  }
  void RefuseTag(const YAML::Mark& mark, const std::string& tag) const {
    if (tag.empty() || tag == "?" || tag == "!") return;
    throw Refused{Malformed(At(mark), "tags (!name) are not supported")};
  }

  void Open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            Node::Kind kind) {
    RefuseAnchor(mark, anchor);
    RefuseTag(mark, tag);
    if (open_.size() == kDepthMax) throw Refused{Malformed(At(mark), "nested too deeply")};
    Level level;
    level.node = Leaf(mark);
    level.node.kind = kind;
    open_.push_back(std::move(level));
  }
  void Close() {
    Node node = std::move(open_.back().node);
    open_.pop_back();
    Take(std::move(node));
  }

  // A whole value (or key) belongs to the innermost open map or list.
  void Take(Node node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Level& level = open_.back();
    if (level.node.kind == Node::Kind::kList) {
      level.node.items.push_back(std::move(node));
    } else if (level.pending) {
      level.pending->value = std::move(node);
      level.node.members.push_back(std::move(*level.pending));
      level.pending.reset();
    } else {
      TakeKey(&level, std::move(node));
    }
  }
  static void TakeKey(Level* level, Node key) {
    if (key.kind != Node::Kind::kScalar) throw Refused{Malformed(key.mark, "a key must be text")};
    if (key.scalar.size() > kKeyBytesMax) {
      throw Refused{Malformed(key.mark, "a key of more than 160 bytes")};
    }
    if (key.scalar == "<<") {
      throw Refused{Malformed(key.mark, "merge keys (<<) are not supported")};
    }
    if (!level->keys.insert(key.scalar).second) {
      throw Refused{Malformed(key.mark, "key '" + key.scalar + "' is given twice")};
    }
    level->pending = Member{std::move(key.scalar), key.mark, Node()};
  }

  std::shared_ptr<const std::string> file_;
  std::vector<Level> open_;
  Node root_;
};

Result<Node> ParseDocument(std::string_view text, Builder* builder) {
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(*builder)) return Node();
    Node root = builder->TakeRoot();
    if (parser.HandleNextDocument(*builder)) {
      return Malformed(builder->TakeRoot().mark, "more than one document in a file");
    }
    return root;
  } catch (const Refused& refused) {
    return refused.status;
  } catch (const YAML::Exception& error) {
    return Malformed(builder->At(error.mark), error.msg);
  } catch (const std::exception& error) {
    return Malformed(builder->At(YAML::Mark::null_mark()), error.what());
  }
}

bool IsYamlName(std::string_view name) {
  return (name.ends_with(".yaml") || name.ends_with(".yml")) && !name.starts_with('.');
}

}  // namespace

Result<Node> Parse(std::string_view text, std::string file) {
  const auto shared = std::make_shared<const std::string>(std::move(file));
  Builder builder(shared);
  const Mark whole = builder.At(YAML::Mark::null_mark());
  if (text.size() > kFileBytesMax) return Malformed(whole, "larger than 1 MiB");
  if (!IsUtf8(text)) return Malformed(whole, "not UTF-8");
  if (text.find('\0') != std::string_view::npos) return Malformed(whole, "contains a NUL byte");
  FUSTOR_TRY_ASSIGN(Node root, ParseDocument(text, &builder));
  if (root.kind == Node::Kind::kNull) root.mark = whole;
  if (root.kind != Node::Kind::kNull && root.kind != Node::Kind::kMap) {
    return Malformed(root.mark, "expected keys and values at the top");
  }
  return root;
}

Result<Node> LoadFolder(env::Files& files, const std::string& folder) {
  FUSTOR_TRY_ASSIGN(const std::vector<std::string> names, files.List(folder));
  const std::size_t slash = folder.find_last_of('/');
  const std::string label = slash == std::string::npos ? folder : folder.substr(slash + 1);
  std::vector<Node> roots;
  for (const std::string& name : names) {
    if (!IsYamlName(name)) continue;
    if (roots.size() == kFilesMax) {
      return Status(Code::kInvalidArgument, folder + ": more than 1000 configuration files");
    }
    const Result<std::string> text = files.Read(folder + "/" + name, kFileBytesMax);
    if (!text.ok()) return text.status().Within(folder + "/" + name);
    FUSTOR_TRY_ASSIGN(Node root, Parse(*text, label + "/" + name));
    roots.push_back(std::move(root));
  }
  if (roots.empty()) {
    return Status(Code::kNotFound, folder + ": no configuration file (*.yaml) there");
  }
  return config::Merge(std::move(roots));
}

}  // namespace fustor::yaml
