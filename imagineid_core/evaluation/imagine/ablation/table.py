"""An ablation as a table: a row a variant, and what the paper says of them beside what came out.

Knows nothing about how figures are measured.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagineid_core.checkpoint import write_whole

TABLE, TEXT, PICTURE = "table.json", "table.md", "picture.png"
Figures = Mapping[str, float]
Rows = Mapping[str, Figures]  # by variant, in the order of the table


@dataclass(frozen=True, kw_only=True)
class Claim:
    """Something the paper says, as two numbers of which the first should be the smaller."""

    says: str
    smaller: Callable[[Rows], float]
    larger: Callable[[Rows], float]


def lower(says: str, figure: str, smaller: str, larger: str) -> Claim:
    """`figure` is lower in the variant `smaller` than in `larger`."""
    return Claim(
        says=says,
        smaller=lambda rows: rows[smaller][figure],
        larger=lambda rows: rows[larger][figure],
    )


def table_document(
    name: str, about: Mapping[str, Any], rows: Rows, claims: Sequence[Claim]
) -> dict[str, Any]:
    """Plain values: what was run, what came out, and whether each sign is the paper's."""
    told = []
    for claim in claims:
        smaller, larger = claim.smaller(rows), claim.larger(rows)
        told.append(
            {
                "says": claim.says,
                "smaller": smaller,
                "larger": larger,
                "is_the_papers_sign": smaller < larger,
            }
        )
    return {
        "ablation": name,
        "about": dict(about),
        "rows": [{"variant": variant, **figures} for variant, figures in rows.items()],
        "claims": told,
    }


def write_table(folder: Path, document: Mapping[str, Any], title: str) -> None:
    """`table.json` and `table.md`; the picture is expected beside them."""
    write_whole(folder / TEXT, table_text(document, title, PICTURE).encode())
    write_whole(folder / TABLE, (json.dumps(document, indent=1) + "\n").encode())


def table_text(document: Mapping[str, Any], title: str, picture: str) -> str:
    """The table in Markdown; a figure that a variant has not is left blank."""
    rows = document["rows"]
    names = list(dict.fromkeys(name for row in rows for name in row if name != "variant"))
    lines = [f"### {title}", "", f"| variant | {' | '.join(names)} |"]
    lines.append("|---" * (len(names) + 1) + "|")
    for row in rows:
        cells = [_cell(row[name]) if name in row else "" for name in names]
        lines.append(f"| {row['variant']} | {' | '.join(cells)} |")
    lines.append("")
    for claim in document["claims"]:
        sign = "the same sign" if claim["is_the_papers_sign"] else "NOT the paper's sign"
        numbers = f"{_cell(claim['smaller'])} against {_cell(claim['larger'])}"
        lines.append(f"- {claim['says']}: {numbers}, {sign}.")
    told = ", ".join(f"{name} {value}" for name, value in document["about"].items())
    lines += ["", f"{told}.", "", f"![{title}]({picture})", ""]
    return "\n".join(lines)


def _cell(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
