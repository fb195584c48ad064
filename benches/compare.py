"""Puts a report of `waypost bench` and the peers' lines together: a file of benches/results/, and, where floor, pure
and latency were measured beside peers, the table of COMPARE.md and the plot that it shows.

Usage: python3 benches/compare.py REPORT PEERS   or, from kept results:   python3 benches/compare.py RESULT
"""

import json
import math
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "COMPARE.md"
PLOT = HERE / "compare.svg"
PICTURE = "![Executions of five steps a second](benches/compare.svg)"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def figures(report, case):
    """The figures of a case by name; none where it was not measured."""
    for one in report["cases"]:
        if one["case"] == case:
            return {figure["figure"]: figure["median"] for figure in one["figures"]}
    return None


def entries(result):
    """Everybody with a rate, the fastest first."""
    report = result["waypost"]
    floor, pure, late = (figures(report, case) for case in ("floor", "pure", "latency"))
    if not (floor and pure and result["peers"]):
        return []
    both = ("executions_per_s", "wal_per_execution", "transactions_per_execution")
    rows = [
        {"name": "storage floor, no engine", "kind": "floor", **{key: floor[key] for key in both}},
        {
            "name": f"Waypost {report['waypost']}",
            "kind": "waypost",
            "p50": late and late["enrol_p50"],
            "p99": late and late["enrol_p99"],
            **{key: pure[key] for key in both},
        },
    ]
    if stepwise := figures(report, "steps"):
        name = "Waypost, a commit for every step"
        rows.append({"name": name, "kind": "waypost", **{key: stepwise[key] for key in both}})
    for peer in result["peers"]:
        name = f"{peer['peer']} {peer['version']} ({peer['language']}), {peer['setting']}"
        rows.append({**peer, "name": name, "kind": "peer"})
    return sorted(rows, key=lambda row: -row["executions_per_s"])


def number(value, digits=0):
    return "-" if value is None else f"{value:,.{digits}f}"


def table(result, rows):
    report, machine = result["waypost"], result["waypost"]["machine"]
    own = figures(report, "pure")["executions_per_s"]
    settings = ", ".join(f"{name} {value}" for name, value in sorted(report["settings"].items()))
    lines = [
        f"Measured {report['at'][:10]}, commit {report.get('commit', 'unknown')}, PostgreSQL {report['postgres']} ({settings}),",
        f"{machine['cores']} cores ({machine.get('cpu', 'unknown')}) shared by server and clients.",
        "",
        "| | executions a second | Waypost is | first step p50 / p99, ms | WAL of an execution | write transactions |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        times = own / row["executions_per_s"]
        name = f"**{row['name']}**" if row["kind"] == "waypost" else row["name"]
        late = f"{number(row.get('p50'), 1)} / {number(row.get('p99'), 1)}"
        lines.append(
            f"| {name} | {number(row['executions_per_s'])} | {number(times, 2 if times < 3 else 0)} times it"
            f" | {late} | {number(row['wal_per_execution'] / 1000, 2)} KB"
            f" | {number(row['transactions_per_execution'], 3)} |"
        )
    return "\n".join(lines)


def plot(rows):
    """Bars on a logarithmic scale: each stroke to the right is ten times as many."""
    bar, left, width, top = 26, 330, 420, 44
    low = math.floor(math.log10(min(row["executions_per_s"] for row in rows)))
    high = math.ceil(math.log10(max(row["executions_per_s"] for row in rows)))
    colours = {"floor": "#8a8f98", "waypost": "#1f6feb", "peer": "#c9a227"}
    height = top + bar * len(rows) + 12
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 90} {height}" font-family="sans-serif" font-size="12">',
        "<title>Executions of five steps a second, logarithmic</title>",
        f'<rect width="{left + width + 90}" height="{height}" fill="#ffffff"/>',
        '<text x="10" y="18" font-size="14" font-weight="bold">Executions of five steps a second (logarithmic)</text>',
    ]
    for power in range(low, high + 1):
        x = left + width * (power - low) / (high - low)
        out.append(f'<line x1="{x:.0f}" y1="{top - 8}" x2="{x:.0f}" y2="{height - 8}" stroke="#dddddd"/>')
        out.append(f'<text x="{x:.0f}" y="{top - 12}" text-anchor="middle" fill="#666666">{10**power:,}</text>')
    for n, row in enumerate(rows):
        y = top + bar * n
        length = width * (math.log10(row["executions_per_s"]) - low) / (high - low)
        name = row["name"].split(",")[0].replace("&", "&amp;").replace("<", "&lt;")
        weight = ' font-weight="bold"' if row["kind"] == "waypost" else ""
        out.append(f'<text x="{left - 8}" y="{y + 14}" text-anchor="end"{weight}>{name}</text>')
        out.append(f'<rect x="{left}" y="{y + 2}" width="{length:.0f}" height="{bar - 9}" fill="{colours[row["kind"]]}"/>')
        out.append(f'<text x="{left + length + 5:.0f}" y="{y + 14}">{number(row["executions_per_s"])}</text>')
    return "\n".join([*out, "</svg>", ""])


def medians(lines):
    """Of several runs of a peer in one setting, the middle one by rate."""
    runs = {}
    for line in lines:
        runs.setdefault((line["peer"], line["language"], line["setting"]), []).append(line)
    middle = lambda some: sorted(some, key=lambda line: line["executions_per_s"])[len(some) // 2]
    return [middle(some) for some in runs.values()]


def main(arguments):
    if len(arguments) == 1:
        result = json.loads(Path(arguments[0]).read_text())
    else:
        report = json.loads(Path(arguments[0]).read_text().splitlines()[-1])
        peers = [json.loads(line) for line in Path(arguments[1]).read_text().splitlines()]
        result = {"waypost": report, "peers": medians(peers)}
        kept = HERE / "results" / (report["at"][:19].replace("-", "").replace(":", "") + "Z.json")
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(json.dumps(result, indent=1) + "\n")
        print(f"kept in {kept.relative_to(HERE.parent)}")
    rows = entries(result)
    if not rows:
        print("COMPARE.md stays as it is: floor, pure, latency and peers make its table")
        return
    before, rest = PAGE.read_text().split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n\n{table(result, rows)}\n\n{PICTURE}\n\n{END}{after}")
    PLOT.write_text(plot(rows))
    print(f"{PAGE.name} and {PLOT.relative_to(HERE.parent)} made anew")


main(sys.argv[1:])
