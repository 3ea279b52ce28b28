"""What this machine and this project lack, and the mend for each."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.doctor.examination import Answer, examine

COLOURS = {"ok": "green", "warning": "yellow", "problem": "red"}


def run(root: Path, *, as_json: bool = False, console: Console | None = None) -> bool:
    """Examine and print.

    Args:
        root: The project's root.
        as_json: Print a list of {subject, check, state, said, mend} instead of a table.
        console: Where to print; the terminal unless given.

    Returns:
        Whether there is no problem; warnings do not count.
    """
    answers = list(examine(root))
    # Where there is no terminal, e.g. in a log file, 80 columns would be too narrow.
    width = max(shutil.get_terminal_size((110, 40)).columns, 80)
    told = console or Console(width=width, highlight=False)
    if as_json:
        text = json.dumps([answer.plain() for answer in answers], indent=2, ensure_ascii=False)
        told.print(text, markup=False, soft_wrap=True)
    else:
        told.print(_table(answers))
        told.print(_summary(answers))
    return all(answer.finding.state != "problem" for answer in answers)


def _table(answers: list[Answer]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, expand=True)
    table.add_column("", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("found, and what to do", ratio=1)
    before = answers[0].subject
    for answer in answers:
        if answer.subject != before:
            table.add_section()
            before = answer.subject
        finding = answer.finding
        said = Text(finding.said)
        if finding.mend:
            said.append(f"\n{finding.mend}", style="bold")
        state = Text(finding.state, style=COLOURS[finding.state])
        table.add_row(state, f"{answer.subject}: {answer.name}", said)
    return table


def _summary(answers: list[Answer]) -> Text:
    counts = {state: sum(answer.finding.state == state for answer in answers) for state in COLOURS}
    said = ", ".join(
        f"{count} {state if state == 'ok' or count == 1 else f'{state}s'}"
        for state, count in counts.items()
        if count
    )
    return Text(f"{said}. In bold: what to do.", style="bold" if counts["problem"] else "")
