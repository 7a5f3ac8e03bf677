"""Lines over time as SVG: one panel each, with its own scale from zero."""

import dataclasses

WIDTH, HEIGHT, LEFT, TOP, GAP = 720, 120, 90, 30, 50
STYLE = ("<style>text{font:12px sans-serif;fill:#333}.line{fill:none;stroke:#2266bb;stroke-width:1.5}"
         ".axis{stroke:#999}.grid{stroke:#ddd}</style>")


@dataclasses.dataclass
class Line:
    title: str
    values: list


def svg(x_title, x, lines):
    """x: one value for each value of each line, growing."""
    height = TOP + len(lines) * (HEIGHT + GAP)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 20} {height}">', STYLE,
             '<rect width="100%" height="100%" fill="white"/>']
    for number, line in enumerate(lines):
        parts += _panel(TOP + number * (HEIGHT + GAP), x_title, x, line)
    return "\n".join(parts + ["</svg>\n"])


def _panel(top, x_title, x, line):
    highest = max(line.values) * 1.1 or 1
    bottom = top + HEIGHT

    def at_x(value):
        return LEFT + WIDTH * value / x[-1]

    def at_y(value):
        return bottom - HEIGHT * value / highest
    points = " ".join(f"{at_x(a):.1f},{at_y(b):.1f}" for a, b in zip(x, line.values))
    parts = [f'<text x="{LEFT}" y="{top - 8}">{line.title}</text>']
    for share in (0, 0.5, 1):
        y = at_y(share * highest)
        parts.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{LEFT + WIDTH}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{share * highest:,.0f}</text>')
    for step in range(6):
        value = x[-1] * step / 5
        parts.append(f'<text x="{at_x(value):.1f}" y="{bottom + 16}" text-anchor="middle">{value:.3g}</text>')
    parts.append(f'<text x="{LEFT + WIDTH}" y="{bottom + 32}" text-anchor="end">{x_title}</text>')
    parts.append(f'<line class="axis" x1="{LEFT}" y1="{bottom}" x2="{LEFT + WIDTH}" y2="{bottom}"/>')
    parts.append(f'<polyline class="line" points="{points}"/>')
    return parts
