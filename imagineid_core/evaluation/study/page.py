"""The page raters see: one HTML file of plain parts (page.html, .css, .js), clips beside it.

Knows nothing about which method made a clip, so it cannot tell.
"""

import html
import json
from collections.abc import Sequence
from importlib.resources import files

from imagineid_core.evaluation.study.questions import QUESTIONS, SCALE

SCORES = {"format": "imagineid study scores", "version": 1}


def rating_page(study: str, title: str, clips: Sequence[Sequence[str]], seconds: float) -> str:
    """`clips`: the file names of each clip's versions; `seconds`: of all of them together."""
    told = {
        **SCORES,
        "study": study,
        "questions": [{"name": one.name, "asked": one.asked} for one in QUESTIONS],
        "scale": SCALE,
        "clips": clips,
        "seconds": round(seconds),
    }
    filled = {
        "{{style}}": _part("page.css"),
        "{{study}}": json.dumps(told).replace("<", "\\u003c"),  # no tag can begin in it
        "{{script}}": _part("order.js") + _part("page.js"),
        "{{title}}": html.escape(title),  # last: whatever is written in it stays
    }
    page = _part("page.html")
    for place, text in filled.items():
        page = page.replace(place, text)
    return page


def _part(name: str) -> str:
    return files("imagineid_core.evaluation.study").joinpath(name).read_text(encoding="utf-8")
