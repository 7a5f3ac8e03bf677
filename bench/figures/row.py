"""A row of a table of figures, and how a person sees it."""

import dataclasses


@dataclasses.dataclass
class Row:
    row: str
    unit: str
    ours: float
    floor: float | None = None
    peers: dict = dataclasses.field(default_factory=dict)
    goal: str | None = None  # In words, e.g. ">= 0.95 x floor".
    met: bool | None = None  # None: nothing was asked of this row.
    bench: str = ""
    less_is_better: bool = False

    def object(self):
        return {
            "bench": self.bench,
            "row": self.row,
            "unit": self.unit,
            "ours": significant(self.ours),
            "floor": significant(self.floor),
            "peers": {name: significant(value) for name, value in self.peers.items()},
            "goal": self.goal,
            "met": self.met,
        }


def significant(value):
    """Four digits are more than any of these figures can tell."""
    return None if value is None else float(f"{value:.4g}")


def number(value):
    if value >= 100_000:
        return f"{round(value, -3):,.0f}"
    if value >= 1000:
        return f"{round(value, -1):,.0f}"
    return f"{value:.3g}"


def compared(row, value):
    """A figure of another one, and how many times as good ours is."""
    ratio = value / row.ours if row.less_is_better else row.ours / value
    return f"{number(value)} ({ratio:.2f}x)"


def table(title, rows):
    """GitHub's table, aligned: it is pasted into docs/performance.md."""
    lines = [[title, "unit", "ours", "floor", "peers", "goal", ""]]
    for row in rows:
        peers = ", ".join(f"{name} {compared(row, v)}" for name, v in row.peers.items())
        floor = compared(row, row.floor) if row.floor else ""
        verdict = {None: "", True: "met", False: "MISSED"}[row.met]
        lines.append([row.row, row.unit, number(row.ours), floor, peers, row.goal or "", verdict])
    kept = [i for i in range(7) if i < 3 or any(line[i] for line in lines[1:])]
    widths = [max(len(line[i]) for line in lines) for i in kept]
    text = ["| " + " | ".join(line[i].ljust(w) for i, w in zip(kept, widths)) + " |"
            for line in lines]
    text.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(text)
