"""The documents against the code: links, paths, keys, routes, OpenAPI, messages, packages, options, tests of faults.

usage: documents.py [--root DIR] [--bin DIR [--update]]

Prints "file:line: what is wrong" and exits with 1 when something is. Knows nothing about whether a
sentence is true; only that what it names is there, and that what is there is named. With --bin the
help texts in docs/cli.md are compared with those of the programs in that folder; --update takes them
over.
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.M | re.S)
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*$", re.M)
# A path of ours inside backticks: begins with one of the folders at the top.
PATH = re.compile(r"(?:\.ci|api|bench|cmake|deploy|docs|e2e|src|tools|web)/[\w./*-]+")


def blanked(text, pattern):
    """The same text with every match blanked; lines stay lines."""
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def anchors(text):
    """The names that headings can be linked by."""
    seen = {}
    for match in HEADING.finditer(blanked(text, FENCE)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", match[1]).replace("`", "").lower()
        name = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        count = seen[name] = seen.get(name, -1) + 1
        yield name if count == 0 else f"{name}-{count}"


def link_problems(root, file, text):
    bare = blanked(blanked(text, FENCE), CODE)
    for match in LINK.finditer(bare):
        target, _, anchor = match[1].partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        there = (file.parent / target).resolve() if target else file
        if not there.exists() or not there.is_relative_to(root):
            yield line_of(text, match.start()), f"nothing is at {match[1]}"
        elif anchor and there.suffix == ".md" and anchor not in anchors(there.read_text()):
            yield line_of(text, match.start()), f"{target or file.name} has no heading #{anchor}"


def path_problems(root, text):
    for match in CODE.finditer(blanked(text, FENCE)):
        path = match[1]
        if PATH.fullmatch(path) and not path.startswith("build/"):
            exists = any(root.glob(path.rstrip("/"))) if "*" in path else (root / path).exists()
            if not exists:
                yield line_of(text, match.start()), f"there is no {path}"


def pages(root):
    yield from sorted(root.glob("*.md"))
    yield from sorted((root / "docs").rglob("*.md"))


def words_in_code(text):
    return {m[1] for m in CODE.finditer(text)}


def missing(root, page, what, names):
    """Reports those of `names` that the page does not have in backticks."""
    file = root / page
    if names and not file.is_file():
        yield f"{page}:1: the page is missing"
        return
    known = words_in_code(file.read_text()) if names else set()
    for name in sorted(names):
        if name not in known:
            yield f"{page}:1: {what} {name} is not described"


# --- what the code knows ---------------------------------------------------------------------------

def text_of(root, path):
    file = root / path
    return file.read_text() if file.is_file() else ""


def configuration_keys(root):
    """Keys that the readers ask for; a key of a small map as the page writes it, with the map's name."""
    keys = set()
    for path in ("src/svc/agent/core/config.cc", "src/svc/fusion/core/config.cc",
                 "src/lib/config/logging.cc"):
        text = text_of(root, path)
        keys |= set(re.findall(
            r"(?:->|\.)(?:Require)?(?:String|Name|Names|Int|Double|Bool|Duration|Items|Child|Children|"
            r"Enum(?:<[^>]*>)?)\(\s*\"(\w+)\"", text))
        keys |= set(re.findall(r"reference\(\"(\w+)\"", text))
        keys |= {"port"} if "ReadPort" in text else set()
    return keys


def described_keys(root):
    """The first cell of every row of the configuration page, without the map's name."""
    for match in re.finditer(r"^\| `([\w.]+)` \|", text_of(root, "docs/configuration.md"), re.M):
        yield match[1], line_of(text_of(root, "docs/configuration.md"), match.start())


def configuration_problems(root):
    keys = configuration_keys(root)
    described = list(described_keys(root))
    parts = {part for key, _ in described for part in key.split(".")}
    page = "docs/configuration.md"
    for key in sorted(keys - parts):
        yield f"{page}:1: key {key} is not described"
    for key, line in described:
        for part in key.split("."):
            if part not in keys:
                yield f"{page}:{line}: no configuration has a key {part}"


# A route in the code: its method, a name that its path begins with, and the rest of it.
ROUTE = re.compile(r'\b(\w+)\("(GET|PUT|POST|PATCH|DELETE)",\s*(?:(\w+) \+ )?"([^"]*)"')


def routes(root):
    """(method, pattern) of what Fusion answers; None instead of a pattern that cannot be told from the code."""
    for file in sorted((root / "src").glob("svc/fusion/**/*.cc")) + sorted((root / "src").glob("apps/**/*.cc")):
        if file.name.endswith(("_test.cc", "_bench.cc", "_fuzz.cc")):
            continue
        text = file.read_text()
        texts = dict(re.findall(r'\b(?:string|string_view|char\*?(?: const)?) (\w+)(?:\[\])? = "(/[^"]*)"', text))
        wrapped = re.search(r'"(/api/v1/\w+)" \+ path', text)
        for called, method, name, rest in ROUTE.findall(text):
            if called not in ("add", "add_each", "add_at", "Add"):
                continue
            if called in ("add", "add_each") and wrapped and not name:
                name, texts[""] = "", wrapped[1]
            elif not name:
                texts[""] = ""
            yield method, texts[name] + rest if name in texts else None


def route_problems(root):
    page = "docs/http-api.md"
    text = text_of(root, page)
    for method, route in sorted(set(routes(root)), key=str):
        if route is None:
            yield f"{page}:1: a route with {method} cannot be read from the code"
        elif not re.search(rf"`{method} {re.escape(route)}(?![\w/{{])", text):
            yield f"{page}:1: {method} {route} is not described"


# A query parameter that a request may have.
PARAMETER = re.compile(r'\breader\.\w+(?:<[\w:]+>)?\("([\w-]+)"|request\.Query\("([\w-]+)"')


def openapi_problems(root):
    """Every route and every query parameter of the code is in the OpenAPI description."""
    page = "api/openapi/fusion.json"
    if not (root / page).is_file():
        return
    document = json.loads((root / page).read_text())
    described = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    for method, route in sorted({one for one in routes(root) if one[1]} - described):
        yield f"{page}:1: {method} {route} is not described"
    operations = [one for item in document["paths"].values() for key, one in item.items() if key != "parameters"]
    parameters = [*document.get("components", {}).get("parameters", {}).values(),
                  *(one for operation in operations for one in operation.get("parameters", []))]
    known = {one["name"] for one in parameters if one.get("in") == "query"}
    for file in sorted((root / "src").glob("svc/fusion/wire/*.cc")):
        for name in {name for match in PARAMETER.findall(file.read_text()) for name in match if name}:
            if name not in known and not file.name.endswith("_test.cc"):
                yield f"{page}:1: the query parameter {name} is not described"


# --- formats ---

def messages(text):
    """{message: fields} of a .proto file; messages inside others under their own names."""
    text = re.sub(r"//[^\n]*", "", text)
    found, open_messages = {}, []
    for token in re.finditer(r"\b(message|enum|service|oneof) (\w+) *\{|\b(?:[\w.]+) (\w+) = \d+ *[;\[]|\}", text):
        if token[1]:
            open_messages.append(token[2] if token[1] == "message" else open_messages[-1] if token[1] == "oneof" else None)
            if token[1] == "message":
                found[token[2]] = []
        elif token[3] and open_messages[-1]:
            found[open_messages[-1]].append(token[3])
        elif token[0] == "}":
            open_messages.pop()
    return found


def format_problems(root):
    """A page in docs/formats names each method of the .proto file that it tells about, and has one row for each
    message with all of its fields."""
    for proto in sorted((root / "api" / "proto").rglob("*.proto")):
        name = proto.relative_to(root).as_posix()
        pages = [page for page in sorted((root / "docs" / "formats").glob("*.md")) if f"`{name}`" in page.read_text()]
        if not pages:
            yield f"docs/formats:1: no page tells about {name}"
            continue
        page, text = pages[0].relative_to(root).as_posix(), pages[0].read_text()
        known = words_in_code(text)
        for method in re.findall(r"^(?: *rpc|//   (?:unary|stream)) +(\w+)\(", proto.read_text(), re.M):
            if method not in known:
                yield f"{page}:1: method {method} is not described"
        rows = {row[1]: words_in_code(row[2]) for row in re.finditer(r"^\| `(\w+)` \|([^\n]*)", text, re.M)}
        for message, fields in messages(proto.read_text()).items():
            if message not in rows:
                yield f"{page}:1: message {message} has no row"
                continue
            for field in sorted(set(fields) - rows[message]):
                yield f"{page}:1: {message}.{field} is not described"


# --- faults ---

# `test_x.py::test_y`, or `Suite.Test` of GoogleTest.
PYTEST = re.compile(r"(test_\w+|\w+_test)\.py::(test_\w+)")
GTEST = re.compile(r"([A-Z]\w+)\.([A-Z]\w+)")


def tests(root):
    """The names of all tests, as docs/faults.md spells them."""
    for top in ("e2e", "tools"):
        for file in sorted((root / top).glob("*.py")):
            for name in re.findall(r"^def (test_\w+)\(", file.read_text(), re.M):
                yield f"{file.name}::{name}"
    for file in sorted((root / "src").rglob("*_test.cc")):
        for suite, name in re.findall(r"^TEST(?:_[FP])?\(\s*(\w+),\s*(\w+)\s*\)", file.read_text(), re.M):
            yield f"{suite}.{name}"


def fault_problems(root):
    """Every test named in docs/faults.md is there, and every row of its tables names one."""
    page = "docs/faults.md"
    text = text_of(root, page)
    known = set(tests(root)) if text else set()
    for number, line in enumerate(text.splitlines(), 1):
        named = [word for word in CODE.findall(line) if PYTEST.fullmatch(word) or GTEST.fullmatch(word)]
        for word in named:
            if word not in known:
                yield f"{page}:{number}: there is no test {word}"
        if line.startswith("| ") and not line.startswith("| Fault") and not named:
            yield f"{page}:{number}: no test is named"


def packages(root):
    for match in re.finditer(r"^\w*packages=\((.*?)\)", text_of(root, "dev"), re.M | re.S):
        yield from re.sub(r"#.*", "", match[1]).split()


def libraries(root):
    """What CMake looks for, and the package of ours in which the page tells about it."""
    files = [*root.glob("CMakeLists.txt"), *(root / "cmake").glob("*.cmake")]
    for top in ("api", "bench", "src"):  # Not build/, which is large.
        files += (root / top).rglob("CMakeLists.txt")
    for file in sorted(files):
        yield from re.findall(r"find_package\((\S+)", file.read_text())


def dependency_problems(root):
    yield from missing(root, "docs/dependencies.md", "package", set(packages(root)))
    text = text_of(root, "docs/dependencies.md")
    for name in sorted(set(libraries(root))):
        if f"find_package({name})" not in text and f"`{name}-dev`" not in text:
            yield f"docs/dependencies.md:1: find_package({name}) is not described"


def option_problems(root):
    """Commands and options of the table that the `fustor` program is made of."""
    table = text_of(root, "src/svc/client/core/options.cc")
    commands = {f"fustor {name}" for name in re.findall(r'c\.name = "(\w+)"|Plain\("(\w+)"', table)
                for name in name if name}
    names = set()
    for match in re.findall(r'\{"(-[^"]+)", "', table):
        names |= set(match.split(","))
    text = text_of(root, "docs/cli.md")
    for name in sorted(commands | names):
        if table and not re.search(re.escape(name) + r"(?![\w-])", text):
            yield f"docs/cli.md:1: {name} is not described"


# A block of docs/cli.md: the command, then what it prints.
SESSION = re.compile(r"^```text\n\$ (fustor[\w-]*) ([^\n]*)\n(.*?)^```$", re.M | re.S)


def with_help(text, programs):
    """The page with what the programs in the folder print now."""
    def printed(match):
        command = [programs / match[1], *match[2].split()]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True)
        return f"```text\n$ {match[1]} {match[2]}\n{done.stdout}```"
    return SESSION.sub(printed, text)


def help_problems(root, programs):
    old = (root / "docs/cli.md").read_text()
    for match in SESSION.finditer(old):
        if not (programs / match[1]).exists():
            yield f"docs/cli.md:{line_of(old, match.start())}: there is no program {match[1]}"
            return
    new = with_help(old, programs)
    if not SESSION.search(old):
        yield "docs/cli.md:1: holds no help text"
    elif old != new:
        lines = zip(old.splitlines(), new.splitlines())
        line = next((n for n, (a, b) in enumerate(lines, 1) if a != b), 1)
        yield (f"docs/cli.md:{line}: the program prints something else; run "
               "tools/documents.py --bin build/dev/bin --update")


def check(root):
    """Yields "file:line: what is wrong"."""
    root = Path(root).resolve()
    for file in pages(root):
        text = file.read_text()
        problems = [*link_problems(root, file, text), *path_problems(root, text)]
        for line, what in sorted(problems):
            yield f"{file.relative_to(root).as_posix()}:{line}: {what}"
    yield from configuration_problems(root)
    yield from route_problems(root)
    yield from openapi_problems(root)
    yield from format_problems(root)
    yield from fault_problems(root)
    yield from dependency_problems(root)
    yield from option_problems(root)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--bin", type=Path)
    parser.add_argument("--update", action="store_true")
    args = parser.parse_args()
    root = Path(args.root).resolve()
    if args.bin and args.update:
        page = root / "docs/cli.md"
        page.write_text(with_help(page.read_text(), args.bin))
    problems = list(check(root)) + (list(help_problems(root, args.bin)) if args.bin else [])
    print(*problems, sep="\n", end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
