"""Every guard is shown to catch what it is there for: a violation is planted, the guard must fail."""

import shutil
import subprocess
from pathlib import Path

import pytest

import layers
import tidy

ROOT = Path(__file__).resolve().parent.parent


def plant(root, files):
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


# --- the include checker -----------------------------------------------------------------------------

HEADERS = [
    "base/result.h", "base/log.h", "env/task.h", "lib/tree/tree.h", "lib/tree/internal/node.h",
    "lib/http/http.h", "svc/agent/core/bus.h", "svc/agent/flow/pipe.h", "svc/agent/ports.h",
    "svc/fusion/core/arbiter.h", "adapters/asio/executor.h", "adapters/grpc/server.h",
    "adapters/posix/watcher.h", "sim/world.h", "apps/process/ops.h", "apps/fusion/node.h",
]


def include_problems(tmp_path, file, include):
    plant(tmp_path, {f"src/{h}": "#pragma once\n" for h in HEADERS})
    plant(tmp_path, {f"src/{file}": f"#include {include}\n"})
    return list(layers.check(tmp_path))


@pytest.mark.parametrize("file, include", [
    ("base/x.cc", '"env/task.h"'),                        # a floor above
    ("env/x.h", '"lib/tree/tree.h"'),
    ("lib/http/x.cc", '"svc/agent/ports.h"'),
    ("lib/tree/x.cc", '"env/task.h"'),                    # pure library to the world
    ("lib/tree/x.cc", '"lib/http/http.h"'),               # pure library to one that waits
    ("lib/tree/x.cc", '"base/log.h"'),
    ("lib/tree/x.cc", "<thread>"),
    ("lib/batch/x.cc", "<atomic>"),
    ("lib/http/x.cc", '"lib/tree/internal/node.h"'),      # another library's inside
    ("svc/agent/core/x.cc", '"svc/agent/flow/pipe.h"'),   # thinking to waiting
    ("svc/agent/core/x.cc", '"env/task.h"'),
    ("svc/agent/core/x.cc", "<fstream>"),
    ("svc/agent/core/x.cc", '"svc/agent/ports.h"'),
    ("svc/agent/flow/x.cc", '"svc/fusion/core/arbiter.h"'),  # service to service
    ("svc/agent/flow/x.cc", '"adapters/grpc/server.h"'),  # service to adapter
    ("svc/agent/flow/x.cc", "<mutex>"),
    ("svc/agent/flow/x.cc", "<unistd.h>"),                # the operating system
    ("svc/agent/flow/x.cc", "<boost/asio.hpp>"),          # somebody else's
    ("svc/agent/flow/x.cc", '"fustor/v1/agents.pb.h"'),   # generated outside wire
    ("svc/agent/wire/x.h", '"fustor/v1/agents.pb.h"'),    # generated in a header
    ("adapters/grpc/x.cc", '"svc/agent/flow/pipe.h"'),    # adapter to more than ports
    ("adapters/grpc/x.cc", '"adapters/asio/executor.h"'),  # adapter to adapter
    ("adapters/grpc/x.cc", "<yaml-cpp/yaml.h>"),          # another adapter's foreign thing
    ("adapters/grpc/x.h", "<grpcpp/grpcpp.h>"),           # foreign in a header
    ("adapters/asio/x.cc", "<boost/beast.hpp>"),
    ("sim/x.cc", '"adapters/asio/executor.h"'),
    ("apps/fustor-agent/main.cc", '"sim/world.h"'),
    ("apps/agent/main.cc", '"apps/fusion/node.h"'),       # one program's parts to another
    ("lib/tree/x.cc", "<gtest/gtest.h>"),                 # test headers in the product
    ("lib/tree/x.cc", '"tree.h"'),                        # not a path from src/
    ("lib/tree/x.cc", '"../http/http.h"'),
    ("somewhere/x.cc", "<vector>"),                       # a floor that is not there
])
def test_layers_reports(tmp_path, file, include):
    problems = include_problems(tmp_path, file, include)
    assert len(problems) == 1 and problems[0].startswith(f"src/{file}:1: "), problems


@pytest.mark.parametrize("file, include", [
    ("env/x.h", '"base/result.h"'),
    ("lib/http/x.cc", '"env/task.h"'),
    ("lib/tree/x.cc", '"lib/tree/internal/node.h"'),
    ("lib/tree/x.cc", "<atomic>"),
    ("lib/tree/x_test.cc", "<gtest/gtest.h>"),
    ("svc/fusion/core/x.cc", '"lib/tree/tree.h"'),
    ("svc/agent/flow/x.cc", '"svc/agent/core/bus.h"'),
    ("svc/agent/flow/x_test.cc", '"sim/world.h"'),
    ("svc/agent/wire/x.cc", '"fustor/v1/agents.pb.h"'),
    ("adapters/grpc/x.cc", '"svc/agent/ports.h"'),
    ("adapters/grpc/x.cc", "<grpcpp/grpcpp.h>"),
    ("adapters/http/x.cc", '"adapters/asio/executor.h"'),
    ("adapters/inotify/x.cc", '"adapters/posix/watcher.h"'),
    ("adapters/inotify/x.cc", "<sys/inotify.h>"),
    ("sim/x.cc", '"svc/agent/flow/pipe.h"'),
    ("apps/fustor-agent/main.cc", '"adapters/grpc/server.h"'),
    ("apps/agent/main.cc", '"apps/process/ops.h"'),
    ("apps/up/up.cc", '"apps/fusion/node.h"'),
    ("apps/fustor-fusion/main.cc", '"apps/fusion/node.h"'),
])
def test_layers_allows(tmp_path, file, include):
    assert include_problems(tmp_path, file, include) == []


# --- the rules of style ------------------------------------------------------------------------------

GOOD_HEADER = "// x.h: an example.\n#pragma once\n\nint F();\n"
LONG = "void Long() {\n" + "  F();\n" * 70 + "}\n"
LONG_MEMBER = "class A {\n  void Long() {\n" + "    F();\n" * 70 + "  }\n};\n"


@pytest.mark.parametrize("file, text, what", [
    ("lib/a/x.cc", LONG, "Long has 72 lines"),
    ("lib/a/x.h", "// x.h: an example.\n#pragma once\n" + LONG_MEMBER, "Long has 72 lines"),
    ("lib/a/x.cc", "int a;\n" * 601, "601 lines"),
    ("lib/a/x.h", "int a;\n#pragma once\n", "first line"),
    ("lib/a/x.h", "// y.h: another.\n#pragma once\n", "first line"),
    ("lib/a/x.h", "// x.h: an example.\n", "#pragma once"),
    ("lib/a/x.cc", "int\ta;\n", "a tab"),
    ("lib/a/x.cc", "int a; \n", "white space"),
    ("lib/a/x.cc", "int a;", "no newline"),
    ("lib/a/x.cc", "// TO" "DO: later\n", "do it or file"),
    ("lib/a/x.cc", "std::regex r;\n", "RE2"),
    ("lib/a/x_test.cc", "std::this_thread::sleep_for(x);\n", "no sleeping"),
    ("lib/a/x_test.cc", "void F() { usleep(1); }\n", "no sleeping"),
    ("lib/a/x.cc", "int a = rand();\n", "prng"),
    ("lib/a/x.cc", 'int a = system("ls");\n', "no shell"),
    ("lib/a/x.cc", "using namespace std;\n", "name what you use"),
    ("lib/a/x.cc", "std::mutex m;\n", "no std::mutex"),
    ("svc/a/flow/x.cc", "std::thread t;\n", "no std::thread"),
    ("svc/a/flow/x.cc", "std::atomic<int> n;\n", "no std::atomic"),
    ("svc/a/flow/x.cc", "Task<int> F(int x) {\n  co_return co_await Run([x] { return x; });\n}\n",
     "name the lambda"),
    ("svc/a/flow/x.cc", "auto f = [this]() -> Task<void> { co_await Wait(); };\n", "must not be a coroutine"),
])
def test_tidy_reports(tmp_path, file, text, what):
    plant(tmp_path, {f"src/{file}": text})
    problems = list(tidy.check(tmp_path))
    assert len(problems) == 1 and problems[0].startswith(f"src/{file}:") and what in problems[0], problems


def test_tidy_allows(tmp_path):
    plant(tmp_path, {
        "src/lib/a/x.h": GOOD_HEADER,
        "src/lib/tree/x.cc": "std::atomic<int> epoch;\n",
        "src/adapters/a/x.cc": "std::mutex m;\n",
        "src/lib/a/x.cc": '// a mutex: std::mutex\nconst char* s = "std::regex sleep(1)";\n'
                          "Task<int> F(A a) {\n  auto f = [a] { return Run(a); };\n"
                          "  auto g = [a] { return [](A b) -> Task<int> { co_return b.x; }(a); };\n"
                          "  int items[2] = {1, 2};\n  co_return co_await a.sleep(items[1]);\n}\n",
        "src/lib/a/x_test.cc": LONG,
        "src/lib/a/y.cc": "namespace a {\n" + "int F() { return 1; }\n" * 80 + "}\n",
    })
    assert list(tidy.check(tmp_path)) == []


def test_tidy_ratchet_only_goes_down(tmp_path):
    plant(tmp_path, {"src/lib/a/x.cc": LONG, "tools/tidy_allow.txt": "src/lib/a/x.cc Long 72\n"})
    assert list(tidy.check(tmp_path)) == []
    plant(tmp_path, {"tools/tidy_allow.txt": "src/lib/a/x.cc Long 80\n"})
    assert "lower it" in list(tidy.check(tmp_path))[0]
    plant(tmp_path, {"tools/tidy_allow.txt": "src/lib/a/x.cc Long 71\n"})
    assert "71 is the limit" in list(tidy.check(tmp_path))[0]
    plant(tmp_path, {"tools/tidy_allow.txt": "src/lib/a/x.cc Long 72\nsrc/lib/a/x.cc Gone 90\n"})
    assert "remove the line" in list(tidy.check(tmp_path))[0]


# --- format ------------------------------------------------------------------------------------------

def test_format(tmp_path):
    shutil.copy(ROOT / ".clang-format", tmp_path)
    command = ["clang-format-19", "--dry-run", "-Werror", str(tmp_path / "x.cc")]
    plant(tmp_path, {"x.cc": "int F(int a) { return a; }\n"})
    assert subprocess.run(command, check=False).returncode == 0
    plant(tmp_path, {"x.cc": "int F( int a ) {return a;}\n"})
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0


# --- link tests and headers alone, on a small project with the real cmake files -----------------------

SAMPLE = {
    "CMakeLists.txt": "cmake_minimum_required(VERSION 3.25)\nproject(sample LANGUAGES C CXX)\n"
                      "list(APPEND CMAKE_MODULE_PATH ${CMAKE_SOURCE_DIR}/cmake)\n"
                      "include(FustorCompiler)\ninclude(FustorLibrary)\nadd_subdirectory(src)\n",
    "src/base/CMakeLists.txt": "fustor_library(base)\n",
    "src/base/base.h": "#pragma once\nint Base();\n",
    "src/base/base.cc": '#include "base/base.h"\nint Base() { return 1; }\n',
    "src/lib/a/CMakeLists.txt": "fustor_library(lib/a DEPS base)\n",
    "src/lib/a/a.h": "#pragma once\nint A();\n",
    "src/lib/a/a.cc": '#include "lib/a/a.h"\n\n#include "base/base.h"\nint A() { return Base(); }\n',
}


class Sample:
    def __init__(self, root):
        self.root = root
        self.build_folder = root / "build"

    def configure(self):
        command = ["cmake", "-S", self.root, "-B", self.build_folder, "-G", "Ninja",
                   "-DCMAKE_C_COMPILER=clang-19", "-DCMAKE_CXX_COMPILER=clang++-19",
                   "-DCMAKE_BUILD_TYPE=Debug", "-DFUSTOR_OPTIMIZE=-O0"]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def build(self, target):
        command = ["ninja", "-C", self.build_folder, target]
        return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def clean_sample(tmp_path_factory):
    root = tmp_path_factory.mktemp("sample")
    shutil.copytree(ROOT / "cmake", root / "cmake")
    plant(root, SAMPLE)
    shutil.copy(ROOT / "src" / "CMakeLists.txt", root / "src" / "CMakeLists.txt")
    sample = Sample(root)
    done = sample.configure()
    assert done.returncode == 0, done.stderr
    return sample


@pytest.fixture
def sample(clean_sample):
    yield clean_sample
    plant(clean_sample.root, SAMPLE)
    for extra in ("src/lib/a/b.cc", "src/lib/a/b.h"):
        (clean_sample.root / extra).unlink(missing_ok=True)


def test_clean_sample_passes(sample):
    for target in ("fustor_lib_a_links", "all_verify_interface_header_sets"):
        done = sample.build(target)
        assert done.returncode == 0, done.stdout


def test_link_test_catches_an_undeclared_use(sample):
    plant(sample.root, {"src/lib/a/CMakeLists.txt": "fustor_library(lib/a)\n"})
    done = sample.build("fustor_lib_a_links")
    assert done.returncode != 0 and "undefined symbol: Base()" in done.stdout, done.stdout


def test_a_circle_of_libraries_is_refused(sample):
    plant(sample.root, {"src/base/CMakeLists.txt": "fustor_library(base DEPS lib/a)\n"})
    done = sample.configure()
    assert done.returncode != 0 and "circular" in done.stderr + done.stdout or "cyclic" in done.stderr, done.stderr


def test_a_header_that_does_not_stand_alone_is_refused(sample):
    plant(sample.root, {"src/lib/a/b.h": "#pragma once\nstd::string B();\n"})
    done = sample.build("all_verify_interface_header_sets")
    assert done.returncode != 0 and "b.h" in done.stdout, done.stdout


def test_warnings_are_errors(sample):
    plant(sample.root, {"src/lib/a/b.cc": "int B(int unused) { return 1; }\n"})
    done = sample.build("fustor_lib_a")
    assert done.returncode != 0 and "-Werror" in done.stdout, done.stdout


def test_gcc_is_refused_with_the_package_to_install(tmp_path):
    shutil.copytree(ROOT / "cmake", tmp_path / "cmake")
    plant(tmp_path, SAMPLE)
    (tmp_path / "fake").write_text("set(CMAKE_CXX_COMPILER_ID GNU)\nset(CMAKE_CXX_COMPILER_VERSION 12.2)\n"
                                   "set(CMAKE_SOURCE_DIR .)\n"
                                   f"include({tmp_path}/cmake/FustorCompiler.cmake)\n")
    done = subprocess.run(["cmake", "-P", tmp_path / "fake"], capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "apt-get install clang-19" in done.stderr, done.stderr
