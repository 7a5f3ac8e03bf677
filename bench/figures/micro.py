"""The parts that every row goes through, each alone on one core: Google Benchmark's programs."""

import json

from figures.row import Row


def _measured(machine, program, benchmarks):
    """{name: its figures, medians of repetitions}."""
    repetitions = 1 if machine.smoke else 5
    command = [machine.program(program), "--benchmark_format=json",
               f"--benchmark_filter=^({'|'.join(benchmarks)})$",
               f"--benchmark_min_time={0.01 if machine.smoke else 0.5}"]
    if repetitions > 1:
        command += [f"--benchmark_repetitions={repetitions}",
                    "--benchmark_report_aggregates_only=true"]
    found = {}
    for entry in json.loads(machine.time(command, keep_output=True).output)["benchmarks"]:
        if "error_message" in entry:
            raise RuntimeError(f"{entry['name']}: {entry['error_message']}")
        if entry.get("aggregate_name", "median") == "median":
            found[entry["run_name"]] = entry
    missing = [name for name in benchmarks if name not in found]
    if missing:
        raise RuntimeError(f"{program} has no {', '.join(missing)}")
    return found


def _at_least(row, goal):
    row.goal = f">= {goal:,}"
    row.met = row.ours >= goal
    return row


def codec(machine):
    found = _measured(machine, "codec_bench", ["Encode/0", "Encode/1", "Decode/0", "Decode/1"])
    rows = []
    for i, names in enumerate(["numbered names", "hashed names"]):
        size = Row(f"on the wire, {names}", "bytes/row", found[f"Encode/{i}"]["bytes/row"],
                   goal="<= 40", less_is_better=True)
        size.met = size.ours <= 40
        rows.append(size)
        for what in "Encode", "Decode":
            rows.append(Row(f"{what.lower()}, {names}", "rows/s", 1 / found[f"{what}/{i}"]["s/row"]))
    return rows


def tree(machine):
    found = _measured(machine, "tree_bench", [
        "BM_Fill/0", "BM_Fill/1", "BM_PutUnchanged", "BM_CompareUnchanged", "BM_RandomUpdate/1000",
        "BM_Find", "BM_List100", "BM_Search/numbered_rare", "BM_Search/hashed_glob_middle"])
    million = 1_000_000
    rows = []
    for i, names in enumerate(["numbered names", "hashed names"]):
        rows.append(Row(f"memory, {names}", "bytes/entry", found[f"BM_Fill/{i}"]["bytes_per_file"]))
        rows.append(Row(f"fill with 1 M, {names}", "entries/s",
                        found[f"BM_Fill/{i}"]["items_per_second"]))
    for name, label in [("BM_PutUnchanged", "put what is there"),
                        ("BM_CompareUnchanged", "compare with what is there"),
                        ("BM_RandomUpdate/1000", "update anywhere, published by the 1000")]:
        rows.append(Row(label, "entries/s", found[name]["items_per_second"]))
    rows.append(Row("list a directory of 100", "entries/s",
                    100e6 / found["BM_List100"]["real_time"]))
    rows.append(Row("find a path", "paths/s", 1e9 / found["BM_Find"]["real_time"]))
    for name, label in [("numbered_rare", "search a substring"),
                        ("hashed_glob_middle", "search *word*")]:
        rows.append(Row(label + " in 1 M", "entries/s",
                        million * 1e3 / found[f"BM_Search/{name}"]["real_time"]))
    return rows


def arbiter(machine):
    names = {
        "BM_FirstSnapshot/age_s:1000": ("first snapshot", 1_000_000),
        "BM_FirstSnapshot/age_s:10": ("first snapshot, all of it hot", None),
        "BM_UnchangedSnapshot": ("snapshot without news", 1_000_000),
        "BM_RandomRealtime/dirs:10000/batches:1":
            ("realtime, anywhere in 10,000 directories", 500_000),
        "BM_RandomRealtime/dirs:10000/batches:100":
            ("the same, published by the 100,000", None),
        "BM_RandomRealtime/dirs:100/batches:1": ("realtime, in 100 directories", 500_000),
        "BM_RealtimeCreateDelete": ("realtime, created and deleted", 500_000),
    }
    found = _measured(machine, "arbiter_bench", list(names))
    rows = []
    for name, (label, goal) in names.items():
        row = Row(label, "rows/s", found[name]["items_per_second"])
        rows.append(_at_least(row, goal) if goal else row)
    rows.append(Row("memory after the first snapshot", "bytes/entry",
                    found["BM_FirstSnapshot/age_s:1000"]["bytes_per_entry"]))
    return rows


def ingest(machine):
    """From the bytes of JSON bodies (names in no order) and of columns into the tree."""
    found = _measured(machine, "ingest_bench", ["BM_Decode", "BM_FirstSnapshot", "BM_SameSnapshot",
                                                "BM_FirstSnapshotInColumns"])
    columns = Row("first snapshot in columns", "rows/s", found["BM_FirstSnapshotInColumns"]["rows/s"])
    return [_at_least(columns, 1_000_000),
            Row("decode alone", "rows/s", found["BM_Decode"]["rows/s"]),
            _at_least(Row("first snapshot in JSON", "rows/s", found["BM_FirstSnapshot"]["rows/s"]), 600_000),
            _at_least(Row("the same again", "rows/s", found["BM_SameSnapshot"]["rows/s"]), 600_000)]
