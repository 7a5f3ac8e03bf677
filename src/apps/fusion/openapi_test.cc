// The description of the HTTP interface against the routes that are served, and against itself.

#include "svc/fusion/wire/openapi.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string>

#include "adapters/json/parse.h"
#include "apps/fusion/node.h"

namespace fustor::fusion {
namespace {

using json::Value;
using testing::HasSubstr;

constexpr std::string_view kMethods[] = {"get",  "put",     "post",  "delete",
                                         "head", "options", "patch", "trace"};

const Value& Document() {
  static const Value document = [] {
    Result<Value> parsed = json::Parse(OpenApiText());
    FUSTOR_CHECK(parsed.ok(), parsed.status().message());
    return *std::move(parsed);
  }();
  return document;
}

// What a reference "#/components/..." leads to; nullptr: nothing.
const Value* At(std::string_view reference) {
  const Value* at = &Document();
  if (!reference.starts_with("#/")) return nullptr;
  reference.remove_prefix(2);
  while (at != nullptr && !reference.empty()) {
    const std::size_t slash = std::min(reference.find('/'), reference.size());
    at = at->Find(reference.substr(0, slash));
    reference.remove_prefix(std::min(slash + 1, reference.size()));
  }
  return at;
}

const Value* Resolved(const Value* value) {
  const Value* const reference = value == nullptr ? nullptr : value->Find("$ref");
  return reference == nullptr ? value : At(reference->AsString().value());
}

std::string Text(const Value* value, std::string_view key) {
  const Value* const found = value == nullptr ? nullptr : value->Find(key);
  return found != nullptr && found->is_string() ? std::string(found->AsString().value()) : "";
}

void ForEach(const Value& value, const std::string& where,
             const std::function<void(const Value&, const std::string&)>& visit) {
  visit(value, where);
  for (const auto& [name, member] : value.members()) ForEach(member, where + "/" + name, visit);
  for (const Value& item : value.items()) ForEach(item, where + "[]", visit);
}

using Routes = std::set<std::pair<std::string, std::string>>;

Routes Described() {
  Routes routes;
  for (const auto& [path, item] : Document().Find("paths")->members()) {
    for (const std::string_view method : kMethods) {
      if (item.Find(method) == nullptr) continue;
      std::string upper(method);
      std::ranges::transform(upper, upper.begin(), [](char c) { return std::toupper(c); });
      routes.emplace(upper, path);
    }
  }
  return routes;
}

Routes Served(const http::Router& router) {
  Routes routes;
  for (auto& route : router.Routes()) routes.insert(std::move(route));
  return routes;
}

// Each operation, with its path and its parameters, those of the path as well.
struct Operation {
  std::string path;
  std::string method;
  const Value* value;
  std::vector<const Value*> parameters;
};
std::vector<Operation> Operations() {
  std::vector<Operation> operations;
  for (const auto& [path, item] : Document().Find("paths")->members()) {
    for (const auto& [name, member] : item.members()) {
      if (std::ranges::find(kMethods, name) == std::end(kMethods)) continue;
      Operation operation{path, name, &member, {}};
      for (const Value* owner : {&item, &member}) {
        const Value* const list = owner->Find("parameters");
        if (list == nullptr) continue;
        for (const Value& parameter : list->items()) {
          operation.parameters.push_back(Resolved(&parameter));
        }
      }
      operations.push_back(std::move(operation));
    }
  }
  return operations;
}

TEST(OpenApi, DescribesExactlyWhatIsServed) {
  Node::Options options;
  options.config.port = 0;
  options.config.receivers["web"].driver = ReceiverConfig::Driver::kHttp;
  options.config.receivers["web"].bind_host = "127.0.0.1";
  options.config.receivers["web"].port = 0;
  const Result<std::unique_ptr<Node>> node = Node::Start(std::move(options), Logger());
  ASSERT_TRUE(node.ok()) << node.status().message();
  Routes described = Described();
  EXPECT_EQ(Served((*node)->router()), described);
  std::erase_if(described,
                [](const auto& route) { return route.second.starts_with("/api/v1/management/"); });
  EXPECT_EQ(Served((*node)->receiver_router("web")), described);
}

TEST(OpenApi, HasWhatTheSpecificationRequires) {
  const Value& document = Document();
  EXPECT_THAT(Text(&document, "openapi"), testing::StartsWith("3.1."));
  EXPECT_NE(Text(document.Find("info"), "title"), "");
  EXPECT_NE(Text(document.Find("info"), "version"), "");
  std::set<std::string> tags;
  for (const Value& tag : document.Find("tags")->items()) tags.insert(Text(&tag, "name"));
  std::set<std::string> ids;
  for (const Operation& operation : Operations()) {
    SCOPED_TRACE(operation.method + " " + operation.path);
    EXPECT_NE(Text(operation.value, "summary"), "");
    const std::string id = Text(operation.value, "operationId");
    EXPECT_NE(id, "");
    EXPECT_TRUE(ids.insert(id).second) << id << " twice";
    ASSERT_NE(operation.value->Find("tags"), nullptr);
    for (const Value& tag : operation.value->Find("tags")->items()) {
      EXPECT_TRUE(tags.contains(std::string(tag.AsString().value())));
    }
    const Value* const responses = operation.value->Find("responses");
    ASSERT_NE(responses, nullptr);
    EXPECT_FALSE(responses->members().empty());
    for (const auto& [status, response] : responses->members()) {
      const Value* const resolved = Resolved(&response);
      EXPECT_TRUE(status.size() == 3 && status >= "100" && status < "600") << status;
      EXPECT_NE(Text(resolved, "description"), "") << status;
      if (status == "204" || status.starts_with('3')) continue;  // Without a body.
      ASSERT_NE(resolved, nullptr);
      ASSERT_NE(resolved->Find("content"), nullptr) << status;
      for (const auto& [type, content] : resolved->Find("content")->members()) {
        EXPECT_NE(content.Find("schema"), nullptr) << status << " " << type;
      }
    }
    if (const Value* const body = operation.value->Find("requestBody")) {
      EXPECT_NE(body->Find("required"), nullptr);
      EXPECT_FALSE(body->Find("content")->members().empty());
    }
  }
}

TEST(OpenApi, ParametersAreThoseOfThePath) {
  for (const Operation& operation : Operations()) {
    SCOPED_TRACE(operation.method + " " + operation.path);
    std::set<std::pair<std::string, std::string>> seen;
    std::string unnamed = operation.path;
    for (const Value* parameter : operation.parameters) {
      ASSERT_NE(parameter, nullptr) << "a reference to nothing";
      const std::string name = Text(parameter, "name");
      const std::string in = Text(parameter, "in");
      EXPECT_TRUE(in == "path" || in == "query" || in == "header") << name;
      EXPECT_TRUE(seen.emplace(in, name).second) << name << " twice";
      EXPECT_NE(Text(parameter, "description"), "") << name;
      EXPECT_NE(parameter->Find("schema"), nullptr) << name;
      ASSERT_NE(parameter->Find("required"), nullptr) << name;
      if (in != "path") continue;
      EXPECT_TRUE(parameter->Find("required")->AsBool().value()) << name;
      const std::string braced = "{" + name + "}";
      ASSERT_THAT(operation.path, HasSubstr(braced));
      unnamed.erase(unnamed.find(braced), braced.size());
    }
    EXPECT_EQ(unnamed.find('{'), std::string::npos) << "a parameter is not described";
  }
}

TEST(OpenApi, ReferencesLeadSomewhereAndEverythingIsUsed) {
  std::set<std::string> used;
  ForEach(Document(), "#", [&](const Value& value, const std::string& where) {
    const std::string reference = value.is_object() ? Text(&value, "$ref") : "";
    if (reference.empty()) return;
    EXPECT_NE(At(reference), nullptr) << where << ": " << reference;
    EXPECT_EQ(value.members().size(), 1u) << where;
    used.insert(reference);
  });
  for (const auto& [kind, components] : Document().Find("components")->members()) {
    if (kind == "securitySchemes") continue;
    for (const auto& [name, component] : components.members()) {
      EXPECT_TRUE(used.contains("#/components/" + kind + "/" + name)) << kind << " " << name;
    }
  }
}

TEST(OpenApi, RequiredMembersAreDescribed) {
  ForEach(Document(), "#", [&](const Value& value, const std::string& where) {
    const Value* const required = value.is_object() ? value.Find("required") : nullptr;
    if (required == nullptr || !required->is_array()) return;
    const Value* const properties = value.Find("properties");
    ASSERT_NE(properties, nullptr) << where;
    for (const Value& name : required->items()) {
      EXPECT_NE(properties->Find(name.AsString().value()), nullptr)
          << where << ": " << name.AsString().value();
    }
  });
}

TEST(OpenApi, KeysAreThoseThatAreLookedAt) {
  const Value* const schemes = At("#/components/securitySchemes");
  ASSERT_NE(schemes, nullptr);
  EXPECT_EQ(Text(schemes->Find("ApiKey"), "name"), "X-API-Key");
  EXPECT_EQ(Text(schemes->Find("ApiKey"), "in"), "header");
  EXPECT_EQ(Text(schemes->Find("Bearer"), "scheme"), "bearer");
  const auto check = [&](const Value& security, const std::string& where) {
    for (const Value& either : security.items()) {
      for (const auto& [name, scopes] : either.members()) {
        EXPECT_NE(schemes->Find(name), nullptr) << where << ": " << name;
      }
    }
  };
  check(*Document().Find("security"), "all");
  for (const Operation& operation : Operations()) {
    const Value* const security = operation.value->Find("security");
    if (security != nullptr) check(*security, operation.path);
    const bool open = security != nullptr && security->items().empty();
    EXPECT_EQ(open, !operation.path.starts_with("/api/") && !operation.path.starts_with("/views") &&
                        !operation.path.starts_with("/ingestor"))
        << operation.path;
  }
}

}  // namespace
}  // namespace fustor::fusion
