"""The rules of style that a machine can check and clang-tidy does not know.

usage: tidy.py [--root DIR]

Prints "file:line: what is wrong" and exits with 1 when something is. A function may have 70 lines.
The few that are longer stand in tools/tidy_allow.txt ("path function lines"), where numbers may only
go down.
"""

import argparse
import re
import sys
from pathlib import Path

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 600
TEST_FILE_LINES_MAX = 1200

LEFT_OVER = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
BANNED = [
    (r"std::(regex|basic_regex|smatch|cmatch)\b", "std::regex takes exponential time; use RE2"),
    (r"(?<![\w.>:])(sleep|usleep|nanosleep)\s*\(", "no sleeping: wait for what must happen"),
    (r"\bsleep_(for|until)\b", "no sleeping: wait for what must happen"),
    (r"(?<![\w.>:])(std::)?(rand\s*\(|srand\s*\(|random\s*\(\s*\)|drand48)", "use base/prng.h or env::Random"),
    (r"(?<![\w.>:])(std::)?(system|popen)\s*\(", "no shell"),
    (r"(?<![\w.>:])(std::)?(sprintf|strcpy|strcat|strtok|gets|atoi|atol|atof)\s*\(",
     "unbounded or unchecked; use snprintf or from_chars"),
    (r"(?<![\w.>:])(std::)?(localtime|gmtime|asctime|ctime)\s*\(", "not thread-safe; use the _r form"),
    (r"\busing\s+namespace\b", "name what you use"),
]
NO_LOCKS = re.compile(
    r"\bstd::(recursive_|shared_|timed_)?(mutex|thread|jthread|condition_variable\w*|lock_guard|"
    r"scoped_lock|unique_lock|shared_lock)\b")
NO_ATOMICS = re.compile(r"\bstd::atomic\w*")
LIBS_WITH_ATOMICS = ("src/lib/tree/",)

CAPTURE = r"\[[^\]\[]+\]"
AWAIT = re.compile(r"\bco_await\b[^;]*;", re.S)
AWAITED_LAMBDA = re.compile(r"(?<![\w\])])" + CAPTURE + r"\s*(\(|mutable\b|\{|->)")
BODY = r"\s*(\([^()]*\)\s*)?(mutable\s*)?(->[^{};]*)?\{"
LAMBDA = re.compile(r"(?<![\w\])])" + CAPTURE + BODY)
NESTED_LAMBDA = re.compile(r"(?<![\w\])])\[[^\]\[]*\]" + BODY)


def without_comments(text):
    """The same text with comments and the insides of literals blanked; lines stay lines."""
    def blank(match):
        token = match[0]
        if token[0] in "\"'":
            return token[0] + " " * (len(token) - 2) + token[0]
        return re.sub(r"[^\n]", " ", token)
    return re.sub(r'R"(\w*)\(.*?\)\1"|//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|(?<!\w)\'(?:\\.|[^\'\\\n])+\'',
                  blank, text, flags=re.S)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def closing(code, opening):
    """Offset of the brace that closes the one at `opening`."""
    depth = 0
    for i in range(opening, len(code)):
        depth += {"{": 1, "}": -1}.get(code[i], 0)
        if depth == 0:
            return i
    return len(code)


def functions(code):
    """Yields (name, first line, lines) of every function that is not inside another one."""
    code = re.sub(r"^[ \t]*#[^\n]*(\\\n[^\n]*)*", lambda m: re.sub(r"[^\n]", " ", m[0]), code, flags=re.M)
    i = start = 0
    while i < len(code):
        if code[i] == "{":
            head = re.sub(r"template\s*<[^{};]*?>\s*(?=\w)", "", code[start:i]).strip()
            container = re.match(
                r"(?:(?:public|private|protected):\s*)?(?:inline\s+)?"
                r"(namespace|class|struct|union|enum|extern)\b[^()]*$", head)
            if not container and ")" in head:
                end = closing(code, i)
                names = re.findall(r"([\w:~]+)\s*\(", head)
                yield (names[0] if names else "lambda", line_of(code, i),
                       code.count("\n", i, end) + 1)
                i = end
            elif not container:
                i = closing(code, i)  # An initializer.
            start = i + 1
        elif code[i] in ";}":
            start = i + 1
        i += 1


def lock_problems(path, code):
    if not path.startswith(("src/svc/", "src/lib/")):
        return
    for pattern in (NO_LOCKS, NO_ATOMICS):
        if pattern is NO_ATOMICS and path.startswith(LIBS_WITH_ATOMICS):
            continue
        for match in pattern.finditer(code):
            yield line_of(code, match.start()), f"no {match[0]} in svc and lib: one owner, no locks"


def without_lambdas(code):
    """The same code without the bodies of the lambdas in it."""
    while match := NESTED_LAMBDA.search(code):
        code = code[:match.start()] + code[closing(code, match.end() - 1) + 1:]
    return code


def coroutine_problems(code):
    for match in AWAIT.finditer(code):
        if AWAITED_LAMBDA.search(match[0]):
            yield line_of(code, match.start()), "name the lambda before co_await"
    for match in LAMBDA.finditer(code):
        body = without_lambdas(code[match.end():closing(code, match.end() - 1)])
        if re.search(r"\bco_(await|return|yield)\b", body):
            yield line_of(code, match.start()), "a capturing lambda must not be a coroutine"


def cpp_problems(path, text, allowed):
    code = without_comments(text)
    test = path.endswith("_test.cc")
    limit = TEST_FILE_LINES_MAX if test else FILE_LINES_MAX
    if text.count("\n") > limit:
        yield limit, f"the file has {text.count(chr(10))} lines; {limit} is the limit"
    for pattern, why in BANNED:
        for match in re.finditer(pattern, code):
            yield line_of(code, match.start()), f"{match[0].strip()}: {why}"
    yield from coroutine_problems(code)
    if test:
        return
    yield from lock_problems(path, code)
    for name, line, lines in functions(code):
        old = allowed.pop((path, name), None)
        if old is not None and lines < old:
            yield line, f"{name} has {lines} lines now; lower it in tools/tidy_allow.txt"
        elif lines > (old or FUNCTION_LINES_MAX):
            yield line, f"{name} has {lines} lines; {old or FUNCTION_LINES_MAX} is the limit"


def header_problems(path, text):
    name = path.rsplit("/", 1)[-1]
    if not re.match(rf"// {re.escape(name)}: \S", text):
        yield 1, f'the first line must say "// {name}: what it is for"'
    if "\n#pragma once\n" not in text:
        yield 1, "#pragma once is missing"


def text_problems(text):
    for number, line in enumerate(text.split("\n"), 1):
        if "\t" in line:
            yield number, "a tab"
        if line.endswith((" ", "\r")):
            yield number, "white space at the end of the line"
        if LEFT_OVER.search(line):
            yield number, f"{LEFT_OVER.search(line)[0]}: do it or file an issue"
    if text and not text.endswith("\n"):
        yield text.count("\n") + 1, "no newline at the end"


def files_of(root):
    for top in ("src", "bench", "api", "cmake", "tools", "e2e", "deploy"):
        for file in sorted((root / top).rglob("*")):
            if file.suffix in (".h", ".cc", ".py", ".cmake", ".proto", ".txt", ".sh"):
                if "__pycache__" not in file.parts and "testdata" not in file.parts:
                    yield file


def check(root):
    """Yields "file:line: what is wrong"."""
    root = Path(root)
    allow_file = root / "tools" / "tidy_allow.txt"
    lines = allow_file.read_text().splitlines() if allow_file.exists() else []
    entries = [line.split() for line in lines if line and not line.startswith("#")]
    allowed = {(path, name): int(count) for path, name, count in entries}
    for file in files_of(root):
        path = file.relative_to(root).as_posix()
        text = file.read_text(errors="replace")
        problems = list(text_problems(text))
        ours = not path.startswith("cmake/")
        if file.suffix in (".h", ".cc") and ours:
            problems += cpp_problems(path, text, allowed)
        if file.suffix == ".h" and ours:
            problems += header_problems(path, text)
        yield from (f"{path}:{line}: {what}" for line, what in sorted(problems))
    for path, name in allowed:
        yield f"tools/tidy_allow.txt:1: {path} {name} is not there any more; remove the line"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=Path(__file__).resolve().parent.parent)
    problems = list(check(parser.parse_args().root))
    print(*problems, sep="\n", end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
