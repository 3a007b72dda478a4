"""`make simulate`: how well waits are estimated and promises kept, in simulated contact centres; about ten minutes.

Writes tables (Markdown, CSV) and plots (SVG) into a folder, and prints the tables.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from multiprocessing import Pool
from pathlib import Path
from statistics import fmean

from tests.simulation import report
from tests.simulation.judging import Day, Errors, errors, interval, replicate
from tests.simulation.promises import WAYS, Kept, keep
from tests.simulation.scenarios import SCENARIOS

FOLDER = Path(".local/simulate")
# Replications by the number of agents: small centres differ more from day to day.
REPLICATIONS = {3: 8, 30: 3, 300: 2}
PROMISED = ("steady", "morning ramp", "lunch dip")
PROMISED_AGENTS, PROMISED_REPLICATIONS = 30, 2
OURS, LAST = "Callbacksite", "last to enter service"


def main() -> None:
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--agents", type=int, nargs="*", default=list(REPLICATIONS), help="sizes of centres")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    with Pool(2) as pool:
        days = list(pool.imap_unordered(_day, _days(chosen.agents), chunksize=1))
        kept = list(pool.imap_unordered(_promise, _promises(), chunksize=1))
    days.sort(key=lambda day: day.key)
    _tell(chosen.folder, "estimates", _estimate_rows(days))
    _tell(chosen.folder, "fairness", _fairness_rows(days))
    _tell(chosen.folder, "promises", _promise_rows(kept))
    for agents in chosen.agents:
        (chosen.folder / f"errors-{agents}.svg").write_text(_plot_errors(days, agents))
    for day in days:
        if day.agents == PROMISED_AGENTS and day.seed == 0:
            title = f"{day.scenario.capitalize()}, {day.agents} agents: what callers were told, and what they waited"
            plot = report.waits(title, day.judged, (OURS, LAST))
            (chosen.folder / f"day-{day.scenario.replace(' ', '-')}.svg").write_text(plot)


def _days(sizes: Iterable[int]) -> list[tuple[str, int, int]]:
    """The longest first, so that nobody waits for one that began last."""
    return [
        (name, agents, seed)
        for agents in sorted(sizes, reverse=True)
        for name in SCENARIOS
        for seed in range(REPLICATIONS.get(agents, 2))
    ]


def _day(key: tuple[str, int, int]) -> Day:
    name, agents, seed = key
    return replicate(SCENARIOS[name], agents, seed)


def _promises() -> list[tuple[str, int, int]]:
    return [(name, seed, way) for name in PROMISED for seed in range(PROMISED_REPLICATIONS) for way in range(len(WAYS))]


def _promise(key: tuple[str, int, int]) -> tuple[str, int, Kept]:
    name, seed, way = key
    return name, way, keep(SCENARIOS[name], PROMISED_AGENTS, seed, WAYS[way])


def _tell(folder: Path, name: str, rows: report.Rows) -> None:
    report.write_csv(folder / f"{name}.csv", rows)
    (folder / f"{name}.md").write_text(report.markdown(rows))
    print(f"\n{name}\n\n{report.markdown(rows)}", flush=True)


def _by_size(days: Sequence[Day]) -> dict[tuple[str, int], list[Day]]:
    found: dict[tuple[str, int], list[Day]] = defaultdict(list)
    for day in days:
        found[day.scenario, day.agents].append(day)
    order = list(SCENARIOS)
    return dict(sorted(found.items(), key=lambda item: (order.index(item[0][0]), item[0][1])))


def _estimate_rows(days: Sequence[Day]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for (scenario, agents), alike in _by_size(days).items():
        for name in alike[0].judged:
            found = [errors(day.judged[name]) for day in alike]
            mean, half = interval([one.mean for one in found])
            rows.append(
                {
                    "scenario": scenario,
                    "agents": agents,
                    "estimator": name,
                    "judged": sum(one.judged for one in found),
                    "mean wait s": _mean(found, "waited"),
                    "bias s": _mean(found, "bias"),
                    "MAE s": f"{mean:.1f} ± {half:.1f}",
                    "p90 error s": _mean(found, "beyond"),
                    "within p90": f"{fmean(one.covered for one in found):.2f}" if name == OURS else "",
                }
            )
    return rows


def _mean(found: Sequence[Errors], name: str) -> str:
    return f"{fmean(float(asdict(one)[name]) for one in found):.1f}"


def _fairness_rows(days: Sequence[Day]) -> list[dict[str, object]]:
    """The longest wait of each line, by scenario and size."""
    return [
        {
            "scenario": scenario,
            "agents": agents,
            "line": line,
            "longest wait min": f"{max(day.longest.get(line, 0.0) for day in alike) / 60:.1f}",
            "overtaken while starved": sum(day.overtaken for day in alike),
        }
        for (scenario, agents), alike in _by_size(days).items()
        for line in SCENARIOS[scenario].kinds
    ]


def _promise_rows(kept: Iterable[tuple[str, int, Kept]]) -> list[dict[str, object]]:
    found: dict[tuple[str, int], list[Kept]] = defaultdict(list)
    for name, way, one in kept:
        found[name, way].append(one)
    rows: list[dict[str, object]] = []
    for (name, way), alike in sorted(found.items(), key=lambda item: (PROMISED.index(item[0][0]), item[0][1])):
        off, half = interval([one.off for one in alike])
        rows.append(
            {
                "scenario": name,
                "way": WAYS[way].name,
                "calls": sum(one.calls for one in alike),
                "agent answers off by s": f"{off:.0f} ± {half:.0f}",
                "nine of ten below s": f"{fmean(one.worst for one in alike):.0f}",
                "later than promised s": f"{fmean(one.late for one in alike):.0f}",
                "customer on hold s": f"{fmean(one.held for one in alike):.0f}",
                "agent lost s": f"{fmean(one.lost for one in alike):.1f}",
            }
        )
    return rows


def _plot_errors(days: Sequence[Day], agents: int) -> str:
    groups = {
        scenario: {name: fmean(errors(day.judged[name]).mean for day in alike) for name in alike[0].judged}
        for (scenario, size), alike in _by_size(days).items()
        if size == agents
    }
    return report.bars(f"Mean absolute error of the estimated wait, {agents} agents", groups)


if __name__ == "__main__":
    main()
