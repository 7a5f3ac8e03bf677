"""The documents against the code: links, paths, keys, routes, packages, options of the command line.

usage: documents.py [--root DIR] [--bin DIR [--update]]

Prints "file:line: what is wrong" and exits with 1 when something is. Knows nothing about whether a
sentence is true; only that what it names is there, and that what is there is named. With --bin the
help texts in docs/cli.md are compared with those of the programs in that folder; --update takes them
over.
"""

import argparse
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


def routes(root):
    """Patterns under which Fusion answers, as the code spells them."""
    found = set()
    for file in sorted((root / "src").glob("svc/fusion/**/*.cc")) + sorted((root / "src").glob("apps/**/*.cc")):
        if file.name.endswith(("_test.cc", "_bench.cc", "_fuzz.cc")):
            continue
        text = file.read_text()
        prefix = re.search(r'"(/api/v1/\w+)" \+ path', text)
        for path in re.findall(r'\badd\("[A-Z]+", "([^"]*)"', text) if prefix else []:
            found.add(prefix[1] + path)
        found |= set(re.findall(r'\.Add\("[A-Z]+", "(/[^"]*)"', text))
    return found


def route_problems(root):
    page = "docs/http-api.md"
    text = text_of(root, page)
    for route in sorted(routes(root)):
        if not re.search(re.escape(route) + r"(?![\w/])", text):
            yield f"{page}:1: route {route} is not described"


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
