"""What packages carry that the programs say of themselves: man pages, completions, the changelog.

usage: package_files.py BIN OUT

BIN holds the programs; the files are written to the folder OUT. The same input gives the same bytes.
"""

import email.utils
import gzip
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def said(program, *args):
    return subprocess.run([program, *args], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=True).stdout


def escaped(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text


def section(title, lines):
    """A part of a help text, its lines as they are."""
    yield f".SH {title.upper()}"
    yield ".nf"
    yield from (escaped(line) for line in lines)
    yield ".fi"


def parts(text):
    """(title, lines) of a help text; the text before the first title has none."""
    title, lines = "", []
    for line in text.splitlines():
        if re.fullmatch(r"[A-Z][^:]*:", line):
            yield title, lines
            title, lines = line[:-1], []
        elif line or lines:
            lines.append(line)
    yield title, lines


def page(name, number, summary, version, help_text, more=()):
    yield f'.TH {name.upper()} {number} "" "fustor {version}" "Fustor"'
    yield ".SH NAME"
    yield f"{name} \\- {escaped(summary)}"
    yield ".SH SYNOPSIS"
    usage = re.search(r"^Usage: (.*)$", help_text, re.M)[1]
    yield f".B {escaped(usage)}"
    first = True
    for title, lines in parts(help_text):
        lines = [line for line in lines if not line.startswith("Usage: ")]
        while lines and not lines[-1]:
            lines.pop()
        if first:
            yield ".SH DESCRIPTION"
            yield escaped(" ".join(line for line in lines if line))
            first = False
        elif lines:
            yield from section(title, lines)
    for title, text in more:
        yield from section(title, text.rstrip("\n").splitlines())


def main_page(bin_folder, version):
    program = bin_folder / "fustor"
    text = said(program, "help")
    listed = text.split("\nTopics of ")[0]
    commands = re.findall(r"^  ([a-z]+) {2,}\S", listed, re.M)
    topics = re.findall(r"^  ([a-z-]+) {2,}\S", text.split("\nTopics of ")[1].split("\n\n")[0], re.M)
    more = []
    for command in commands:
        own = said(program, "help", command)
        # What every command has stands once.
        own = re.sub(r"\nOptions of every command:\n(?:[ ].*\n)+", "", own)
        more.append((f"fustor {command}", own))
    more += [(topic.replace("-", " "), said(program, "help", topic)) for topic in topics]
    return page("fustor", 1, "live picture of file trees", version, text, more)


def write(path, text):
    with open(path, "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(text.encode())


def debian_changelog(version):
    """CHANGELOG.md in the form of Debian; dated as the last commit, so that it repeats."""
    seconds = os.environ.get("SOURCE_DATE_EPOCH") or subprocess.run(
        ["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    date = email.utils.formatdate(int(seconds or 0))
    entries = []
    for line in (ROOT / "CHANGELOG.md").read_text().partition("## [")[2].splitlines():
        if line.startswith("- "):
            entries.append(line[2:])
        elif line.startswith("  ") and entries:
            entries[-1] += " " + line.strip()
    lines = [textwrap.fill(entry, 78, initial_indent="  * ", subsequent_indent="    ") for entry in entries]
    return (f"fustor ({version}) unstable; urgency=medium\n\n" + "\n".join(lines) +
            f"\n\n -- Fustor maintainers <maintainers@fustor.invalid>  {date}\n")


def main():
    bin_folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    version = said(bin_folder / "fustor", "--version").split()[1]
    write(out / "fustor.1.gz", "\n".join(main_page(bin_folder, version)) + "\n")
    for name, summary in (("fustor-agent", "tells Fusion what is in file trees and what changes"),
                          ("fustor-fusion", "keeps the picture of file trees and answers questions")):
        text = "\n".join(page(name, 8, summary, version, said(bin_folder / name, "--help"))) + "\n"
        write(out / f"{name}.8.gz", text)
    for shell, name in (("bash", "fustor.bash"), ("zsh", "_fustor"), ("fish", "fustor.fish")):
        (out / name).write_text(said(bin_folder / "fustor", "completion", shell))
    write(out / "changelog.gz", debian_changelog(version))


if __name__ == "__main__":
    main()
