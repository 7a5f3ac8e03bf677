// commands_testing.h: runs commands over a small view of a Fusion in memory, for tests.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "svc/client/flow/fakes_testing.h"
#include "svc/client/flow/run.h"

namespace fustor::client {

inline constexpr EntryKind kDir = EntryKind::kDirectory;

class Commands : public ::testing::Test {
 protected:
  Commands() {
    world_.sources["v"] = "file:///data";
    FakeTree& tree = world_.views["v"];
    tree.Add({.path = "/", .kind = kDir});
    tree.Add({.path = "/d", .kind = kDir});
    tree.Add({.path = "/d/.hidden", .size = 1});
    tree.Add({.path = "/d/a b", .size = 1500});
    tree.Add({.path = "/d/e", .kind = kDir});
    tree.Add({.path = "/d/e/\xff\x1b[31m\n", .size = 600});
    tree.Add(
        {.path = "/d/link", .kind = EntryKind::kSymlink, .size = 1, .target = "e", .mode = 0777});
    tree.Add({.path = "/d/run", .size = 3, .mode = 0755, .flags = R"(,"integrity_suspect":true)"});
    tree.Add({.path = "/d-", .size = 7});
    host_.links_["/data/d/link"] = "/data/d/e";
  }

  int Run(const std::string& command, const Options& options = {}) {
    terminal_.text_.clear();
    terminal_.errors_.clear();
    const Ports ports{
        host_, terminal_, [this](const std::string& url, const std::string& key) {
          url_ = url;
          return Result<std::unique_ptr<Fusion>>(std::make_unique<FakeFusion>(world_, key));
        }};
    return client::Run(command, options, ports);
  }
  int Find(std::vector<std::string> args) {
    Options options;
    options.find = std::move(args);
    return Run("find", options);
  }

  FakeWorld world_;
  FakeHost host_;
  FakeTerminal terminal_;
  std::string url_;
};

}  // namespace fustor::client
