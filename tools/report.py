"""Adds up the results of GoogleTest, ctest and pytest in one folder.

usage: report.py RESULTS

Prints what failed, one line per suite and at the end "N passed, N failed". Exits with 1 when a test
failed or none ran.
"""

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


class Suite:
    def __init__(self, name):
        self.name = name
        self.passed = 0
        self.skipped = 0
        self.failed = []

    def add(self, case, label):
        if case.find("failure") is not None or case.find("error") is not None:
            self.failed.append(label)
        elif case.get("status") == "notrun" and case.get("result") is None:  # ctest's own word.
            self.failed.append(f"{label} (not run)")
        elif case.find("skipped") is not None or case.get("result") == "skipped":
            self.skipped += 1
        else:
            self.passed += 1


def gtest_cases(file):
    try:
        return list(ElementTree.parse(file).iter("testcase"))
    except (ElementTree.ParseError, FileNotFoundError):
        return []  # The program died before it could write.


def unit_tests(results):
    """One suite of all test programs; a program that died counts as one failure."""
    suite = Suite("unit tests")
    for program in ElementTree.parse(results / "ctest.xml").iter("testcase"):
        name = program.get("name")
        failed_before = len(suite.failed)
        cases = gtest_cases(results / "gtest" / f"fustor_{name.replace('/', '_')}_test.xml")
        for case in cases:
            suite.add(case, f"{name}: {case.get('classname')}.{case.get('name')}")
        died = program.find("failure") is not None and len(suite.failed) == failed_before
        if died or not cases:
            suite.add(program, f"{name}: the test program")
    return suite


def pytest_suite(file):
    suite = Suite(file.stem)
    for case in ElementTree.parse(file).iter("testcase"):
        suite.add(case, f"{case.get('classname')}::{case.get('name')}")
    return suite


def main(folder):
    results = Path(folder)
    suites = [unit_tests(results)] if (results / "ctest.xml").exists() else []
    suites += [pytest_suite(f) for f in sorted(results.glob("*.xml")) if f.name != "ctest.xml"]
    for suite in suites:
        for label in suite.failed:
            print(f"FAILED {suite.name}: {label}")
    for suite in suites:
        skipped = f", {suite.skipped} skipped" if suite.skipped else ""
        print(f"{suite.name:12} {suite.passed} passed, {len(suite.failed)} failed{skipped}")
    passed = sum(s.passed for s in suites)
    failed = sum(len(s.failed) for s in suites)
    skipped = sum(s.skipped for s in suites)
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
