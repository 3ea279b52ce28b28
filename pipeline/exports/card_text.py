"""A data card in Markdown, for people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def card_text(card: Mapping[str, Any]) -> str:
    """Write the content of `card.json` as a page."""
    return "\n".join(_lines(card)) + "\n"


def _lines(card: Mapping[str, Any]) -> Iterator[str]:
    yield f"# Synthetic images of {card['name']}, as {card['format']}"
    yield ""
    yield " ".join(part for part in (card["note"], card["intended_use"]) if part)
    yield ""
    yield from _facts(card)
    yield from _section("How to open it")
    yield from ("```python", *card["opening"].splitlines(), "```")
    yield from _section("How to use it without leaking")
    yield card["without_leaking"]
    yield from _section("Images")
    folds = list(next(iter(card["counts"].values()), {}))
    rows = [[label, *counts.values()] for label, counts in card["counts"].items()]
    yield from _table(["class", *folds], rows)
    yield from _generator(card["generator"])
    yield from _selection(card)
    yield from _fidelity(card["fidelity"])
    yield from _copies(card["copies"])
    yield from _section("Limits")
    yield from (f"- {limit}" for limit in card["limits"])
    yield from _section("Software")
    yield ", ".join(f"{name} {version}" for name, version in card["software"].items())
    yield ""
    yield "`sha256sum -c SHA256SUMS` checks the files; `card.json` says all this for machines."


def _facts(card: Mapping[str, Any]) -> Iterator[str]:
    pixels = card["pixels"]
    low, high = pixels["window"]
    orientation = pixels["orientation"]
    if orientation == "image":
        orientation = "unknown; rows run down and columns to the right, as pictures are shown"
    yield f"- Images: {card['images']}"
    yield f"- Size: {' x '.join(map(str, pixels['shape'][1:]))} pixels"
    yield f"- Channels: {', '.join(pixels['channels'])}, in {pixels['unit']}"
    yield f"- Window: {low:g} to {high:g} {pixels['unit']}, which are black and white"
    yield f"- Orientation: {orientation}"
    yield f"- Masks: {'yes' if pixels['masks'] else 'no'}"
    if card["positive_class"]:
        yield f"- Positive class: {card['positive_class']}"
    yield f"- Learnt from: {card['origin']}"
    yield f"- Licence of the source data: {card['licence']}"


def _generator(generator: Mapping[str, Any]) -> Iterator[str]:
    yield from _section("Generator")
    if not generator["trained_here"]:
        yield f"{generator['name']}, which was not trained by this pipeline."
        return
    yield f"The family {generator['name']}, root seed {generator['seed']}."
    if generator["options"]:
        yield "Options other than the family's defaults:"
        yield ""
        yield from (
            f"- {name}: {json.dumps(value, ensure_ascii=False)}"
            for name, value in generator["options"].items()
        )


def _selection(card: Mapping[str, Any]) -> Iterator[str]:
    yield from _section("Selection")
    if not card["selection"]:
        yield "Nothing was selected: all samples are here."
        return
    if card["only_selected"]:
        yield "Only what selection chose is here."
    else:
        yield "All samples are here; `selected` in the table marks what selection chose."
    yield ""
    columns = ("fold", "class", "images", "passed", "refused", "selected")
    names = ["fold", "class", "sampled", "passed", "refused as copies", "selected"]
    yield from _table(names, [[row[key] for key in columns] for row in card["selection"]])


def _fidelity(fidelity: Mapping[str, Any] | None) -> Iterator[str]:
    yield from _section("Fidelity")
    if fidelity is None:
        yield "It was not assessed."
        return
    yield f"Means over folds, in the features {fidelity['features']}."
    yield f"The floor: {fidelity['yardstick']}."
    yield ""
    rows = [
        [row["title"], _figure(row["value"]), _figure(row["floor"]), row["meaning"]]
        for row in fidelity["figures"]
    ]
    yield from _table(["figure", "value", "floor", "meaning"], rows)


def _copies(copies: Mapping[str, Any] | None) -> Iterator[str]:
    yield from _section("Copies")
    if copies is None:
        yield "Copies were not looked for."
        return
    yield from (f"- {each['fold']}: {each['finding']}" for each in copies["findings"])
    yield ""
    yield "Share of images flagged, beside what chance alone flags, and the median distance to the"
    yield "nearest training image, beside that of held-out patients' images:"
    yield ""
    keys = ("share_flagged", "expected_by_chance", "median_distance", "median_distance_floor")
    spaces = [[row["space"], *(_figure(row[key]) for key in keys)] for row in copies["spaces"]]
    yield from _table(["space", "flagged", "by chance", "distance", "floor"], spaces)
    if copies["membership"]:
        yield ""
        yield "How well it can be guessed from the images who was trained on:"
        yield ""
        attacks = [
            [row["attack"], _figure(row["auc"]), _figure(row["by_chance"])]
            for row in copies["membership"]
        ]
        yield from _table(["attack", "AUC", "by chance"], attacks)


def _section(title: str) -> Iterator[str]:
    yield from ("", f"## {title}", "")


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    for cells in (columns, ["---"] * len(columns), *rows):
        yield "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
