#include <algorithm>

#include "base/check.h"
#include "lib/http/http.h"

namespace fustor::http {
namespace {

// "/a/b/" -> {"a", "b"}: the slash at the end says nothing, other empty segments are kept.
std::vector<std::string_view> Segments(std::string_view path) {
  std::vector<std::string_view> segments;
  if (path.ends_with('/')) path.remove_suffix(1);
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::size_t slash = std::min(path.find('/'), path.size());
    segments.push_back(path.substr(0, slash));
    path.remove_prefix(slash);
  }
  return segments;
}

bool IsParameter(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

}  // namespace

void Router::Add(std::string method, std::string pattern, Handler handler, RouteOptions options) {
  FUSTOR_CHECK(pattern.starts_with('/'), pattern);
  Node* node = &root_;
  Node::Route route{std::move(handler), options, pattern, {}};
  for (const std::string_view segment : Segments(pattern)) {
    if (IsParameter(segment)) {
      route.parameter_names.emplace_back(segment.substr(1, segment.size() - 2));
      if (node->parameter == nullptr) node->parameter = std::make_unique<Node>();
      node = node->parameter.get();
    } else {
      std::unique_ptr<Node>& next = node->literals[std::string(segment)];
      if (next == nullptr) next = std::make_unique<Node>();
      node = next.get();
    }
  }
  const bool added = node->methods.emplace(std::move(method), std::move(route)).second;
  FUSTOR_CHECK(added, "a route was added twice: " + pattern);
}

// Looks for a route below one node. A node of depth d is only ever reached with the d-th segment,
// so each node is visited at most once.
struct Router::Search {
  std::string_view method;
  std::vector<std::string_view> segments;
  std::vector<std::string_view> values;  // Of the parameters on the way here.
  std::vector<std::string> allowed;

  const Node::Route* Below(const Node& node, std::size_t depth) {
    if (depth == segments.size()) return At(node);
    const std::string_view segment = segments[depth];
    if (const auto it = node.literals.find(segment); it != node.literals.end()) {
      if (const Node::Route* route = Below(*it->second, depth + 1)) return route;
    }
    if (node.parameter == nullptr || segment.empty()) return nullptr;
    values.push_back(segment);
    if (const Node::Route* route = Below(*node.parameter, depth + 1)) return route;
    values.pop_back();
    return nullptr;
  }

  const Node::Route* At(const Node& node) {
    auto it = node.methods.find(method);
    if (it == node.methods.end() && method == "HEAD") it = node.methods.find("GET");
    if (it != node.methods.end()) return &it->second;
    for (const auto& [name, route] : node.methods) {
      allowed.push_back(name);
      if (name == "GET") allowed.emplace_back("HEAD");
    }
    return nullptr;
  }
};

Router::Match Router::Find(std::string_view method, std::string_view path) const {
  Match match;
  if (!path.starts_with('/')) return match;
  Search search{method, Segments(path), {}, {}};
  const Node::Route* route = search.Below(root_, 0);
  if (route == nullptr) {
    match.allowed = std::move(search.allowed);
    std::ranges::sort(match.allowed);
    const auto repeated = std::ranges::unique(match.allowed);
    match.allowed.erase(repeated.begin(), repeated.end());
    return match;
  }
  match.handler = &route->handler;
  match.options = route->options;
  match.pattern = route->pattern;
  match.parameters.reserve(search.values.size());
  for (std::size_t i = 0; i < search.values.size(); ++i) {
    match.parameters.emplace_back(route->parameter_names[i], search.values[i]);
  }
  return match;
}

std::vector<std::pair<std::string, std::string>> Router::Routes() const {
  std::vector<std::pair<std::string, std::string>> routes;
  std::vector<const Node*> open = {&root_};
  while (!open.empty()) {
    const Node* node = open.back();
    open.pop_back();
    for (const auto& [method, route] : node->methods) routes.emplace_back(method, route.pattern);
    for (const auto& [name, child] : node->literals) open.push_back(child.get());
    if (node->parameter != nullptr) open.push_back(node->parameter.get());
  }
  return routes;
}

}  // namespace fustor::http
