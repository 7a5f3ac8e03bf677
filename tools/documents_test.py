"""The checker of documents is shown to catch what it is there for, and the real documents pass it."""

from pathlib import Path

import pytest

import documents

ROOT = Path(__file__).resolve().parent.parent

SAMPLE = {
    "README.md": "# Sample\n\nSee [a page](docs/a.md#two-words), `src/a.cc` and `src/*.cc`.\n"
                 "Not ours: [web](https://example.org), `src/x y`, `/src/x.cc`.\n",
    "docs/a.md": "# A\n\n## Two `words`!\n\n[up](../README.md)\n\n```\n[no link](nowhere.md)\n```\n",
    "docs/configuration.md": "| `port` | number |\n| `views.name` | text |\n",
    "docs/http-api.md": "`GET /api/v1/views/{view}/tree`, `GET /api/v1/views`, `POST /api/v1/pipe/x`, `GET /old`\n",
    "api/openapi/fusion.json": '{"paths": {"/api/v1/views/{view}/tree": {"parameters": [], "get": {"parameters": '
                               '[{"name": "path", "in": "query"}]}}, "/api/v1/views": {"get": {}}, '
                               '"/api/v1/pipe/x": {"post": {}}, "/old": {"get": {}}}}',
    "src/svc/fusion/wire/parameters.cc": 'reader.Path("path", &p);\n',
    "docs/formats/f.md": "`api/proto/f.proto` has `Ask` and `Tell`.\n\n| `Q` | `a`, `b` |\n| `R` | `c`, `d` |\n"
                         "| `E` | none |\n",
    "docs/faults.md": "| Fault | Then | Test |\n|---|---|---|\n| full | waits | `test_x.py::test_full`, `Bus.Full` |\n"
                      "| gone | ends | `Wire.Ends` |\n",
    "e2e/test_x.py": "def test_full(up):\n    pass\n",
    "src/bus_test.cc": "TEST(Bus, Full) {}\nTEST_F(\n    Wire, Ends) {}\n",
    "api/proto/f.proto": "service S {\n  rpc Ask(Q) returns (R);\n}\n//   stream  Tell(stream Q) -> R\n"
                         "enum K {\n  ZERO = 0;  // x = 9;\n}\nmessage Q { string a = 1; repeated K b = 2; }\n"
                         "message R {\n  message E {}\n  oneof o {\n    bytes c = 1;  // int32 z = 3;\n  }\n"
                         "  optional uint32 d = 2;\n}\n",
    "docs/dependencies.md": "| `clang-19` | `libgtest-dev` (`find_package(GTest)`) |\n",
    "docs/cli.md": "`fustor ls` takes `-l`, `--long`.\n",
    "dev": "packages=(\n  clang-19  # the compiler\n  libgtest-dev\n)\n",
    "cmake/Foreign.cmake": "find_package(GTest REQUIRED)\n",
    "src/a.cc": "",
    "src/svc/fusion/core/config.cc": 'reader.Int("port", 1); Reader v = root.Child("views"); '
                                     'v.RequireString("name");\n',
    "src/svc/fusion/wire/views.cc": 'router.Add(m, "/api/v1/views" + path);\n  add("GET", "", &V);\n'
                                    '  add_each("GET", "/{view}/tree", &T);\n',
    "src/svc/fusion/wire/pipes.cc": 'const std::string pipe = "/api/v1/pipe";\n  add("POST", pipe + "/x", &X);\n'
                                    '  add("GET", "/old", &O);\n  headers.Add("Accept", "text/plain");\n',
    "src/svc/client/core/options.cc": '  c.name = "ls";\n  {"-l,--long", "", "Long.", &o},\n',
}


def problems(root, changes=None):
    for name, text in {**SAMPLE, **(changes or {})}.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return list(documents.check(root))


def test_allows(tmp_path):
    assert problems(tmp_path) == []


@pytest.mark.parametrize("file, old, new, what", [
    ("README.md", "docs/a.md#two-words", "docs/b.md", "README.md:3: nothing is at docs/b.md"),
    ("README.md", "docs/a.md#two-words", "../../etc", "README.md:3: nothing is at ../../etc"),
    ("README.md", "#two-words", "#three-words", "README.md:3: docs/a.md has no heading #three-words"),
    ("README.md", "`src/a.cc`", "`src/b.cc`", "README.md:3: there is no src/b.cc"),
    ("README.md", "`src/*.cc`", "`src/*.h`", "README.md:3: there is no src/*.h"),
    ("api/openapi/fusion.json", '"/old": {"get": {}}', '"/old": {"put": {}}',
     "api/openapi/fusion.json:1: GET /old is not described"),
    ("src/svc/fusion/wire/parameters.cc", 'reader.Path("path"', 'reader.Number<int>("depth"',
     "api/openapi/fusion.json:1: the query parameter depth is not described"),
    ("docs/configuration.md", "| `port` | number |\n", "", "docs/configuration.md:1: key port is not described"),
    ("docs/configuration.md", "`port`", "`port.often`", "docs/configuration.md:1: no configuration has a key often"),
    ("docs/http-api.md", "/{view}/tree", "/{view}/trees", "docs/http-api.md:1: GET /api/v1/views/{view}/tree is"),
    ("docs/http-api.md", "`POST /api/v1/pipe/x`", "`GET /api/v1/pipe/x`", "docs/http-api.md:1: POST /api/v1/pipe/x is not"),
    ("docs/http-api.md", ", `GET /old`", "", "docs/http-api.md:1: GET /old is not described"),
    ("src/svc/fusion/wire/pipes.cc", "string pipe =", "string tube =", "docs/http-api.md:1: a route with POST cannot"),
    ("docs/formats/f.md", "`Ask`", "Ask", "docs/formats/f.md:1: method Ask is not described"),
    ("docs/formats/f.md", "`Tell`", "Tell", "docs/formats/f.md:1: method Tell is not described"),
    ("docs/formats/f.md", "`a`, ", "", "docs/formats/f.md:1: Q.a is not described"),
    ("docs/formats/f.md", "`c`, ", "", "docs/formats/f.md:1: R.c is not described"),
    ("docs/formats/f.md", "| `E` | none |\n", "", "docs/formats/f.md:1: message E has no row"),
    ("docs/formats/f.md", "`api/proto/f.proto`", "This", "docs/formats:1: no page tells about api/proto/f.proto"),
    ("docs/faults.md", "test_full`", "test_empty`", "docs/faults.md:3: there is no test test_x.py::test_empty"),
    ("docs/faults.md", "`Bus.Full`", "`Bus.Empty`", "docs/faults.md:3: there is no test Bus.Empty"),
    ("docs/faults.md", "`Wire.Ends`", "nothing", "docs/faults.md:4: no test is named"),
    ("src/bus_test.cc", "Wire, Ends", "Wire, Begins", "docs/faults.md:4: there is no test Wire.Ends"),
    ("docs/dependencies.md", "clang-19", "clang-18", "docs/dependencies.md:1: package clang-19 is not"),
    ("docs/dependencies.md", "(`find_package(GTest)`)", "", "docs/dependencies.md:1: find_package(GTest) is not"),
    ("cmake/Foreign.cmake", "GTest", "Boost", "docs/dependencies.md:1: find_package(Boost) is not"),
    ("docs/cli.md", "`--long`", "`--longer`", "docs/cli.md:1: --long is not described"),
    ("docs/cli.md", "`fustor ls`", "`ls`", "docs/cli.md:1: fustor ls is not described"),
])
def test_reports(tmp_path, file, old, new, what):
    assert old in SAMPLE[file]
    found = problems(tmp_path, {file: SAMPLE[file].replace(old, new)})
    assert len(found) == 1 and what in found[0], found


def test_help_texts(tmp_path):
    assert problems(tmp_path) == []
    program = tmp_path / "fustor"
    program.write_text("#!/bin/sh\necho \"about $*\"\n")
    program.chmod(0o755)
    page = tmp_path / "docs" / "cli.md"
    assert "no help text" in list(documents.help_problems(tmp_path, tmp_path))[0]
    page.write_text("# A\n\n```text\n$ fustor help ls\nabout ls\n```\n")
    assert "docs/cli.md:5: the program prints" in list(documents.help_problems(tmp_path, tmp_path))[0]
    page.write_text(documents.with_help(page.read_text(), tmp_path))
    assert page.read_text() == "# A\n\n```text\n$ fustor help ls\nabout help ls\n```\n"
    assert list(documents.help_problems(tmp_path, tmp_path)) == []


def test_the_real_help_texts():
    programs = ROOT / "build" / "dev" / "bin"
    if not (programs / "fustor").exists():
        pytest.skip(f"{programs} is not built")
    assert list(documents.help_problems(ROOT, programs)) == []


def test_reads_the_real_code():
    assert {"port", "max_tree_items", "fields_mapping", "level", "source"} <= documents.configuration_keys(ROOT)
    assert {("GET", "/api/v1/views/{view}/search"), ("POST", "/api/v1/pipe/session"), ("GET", "/views/fs/tree"),
            ("POST", "/ingestor-api/v1/events"), ("GET", "/metrics")} <= set(documents.routes(ROOT))
    assert {"test_up.py::test_it_ends_in_order", "Observer.LeavesOutNames"} <= set(documents.tests(ROOT))
    assert "symlink_target" in documents.messages((ROOT / "api/proto/fustor/v1/views.proto").read_text())["Entry"]
    assert {"clang-19", "libfmt-dev"} <= set(documents.packages(ROOT))
    assert {"GTest", "Threads"} <= set(documents.libraries(ROOT))


def test_the_real_documents():
    assert list(documents.check(ROOT)) == []
