"""One HTML page with everything in it: numbers, words and pictures; opens without a network.

Knows nothing about what is reported.
"""

import base64
import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_STYLE = """
:root { color-scheme: light dark; --ink: #1f2933; --quiet: #5b6570; --paper: #fbfaf7;
  --raised: #ffffff; --shade: #d8d2c4; --good: #2a716c; --accent: #a94a22; --third: #6d4a8f;
  --fourth: #8a6d10; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e4da; --quiet: #a9b0b6; --paper: #16191d; --raised: #1f2429; --shade: #3d444b;
    --good: #6cc4bb; --accent: #ef9267; --third: #bfa0dd; --fourth: #d9bd5c; }
}
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 1180px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
a { color: var(--good); } .wide { overflow-x: auto; }
table { border-collapse: collapse; } td, th { padding: .25rem .8rem .25rem 0; text-align: left;
  border-bottom: 1px solid var(--shade); vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.met { color: var(--good); } .missed { color: var(--accent); font-weight: 600; }
img { max-width: 100%; border: 1px solid var(--shade); } code { font-size: .92em; }
"""


def page(title: str, sections: Sequence[str], *, style: str = "", script: str = "") -> str:
    """`style` and `script` are added to it as they are."""
    told = html.escape(title)
    body = "\n".join(sections)
    run = f"<script>\n{script}</script>\n" if script else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{told}</title><style>{_STYLE}{style}</style></head>\n"
        f"<body><h1>{told}</h1>\n{body}\n{run}</body></html>\n"
    )


def section(title: str, *content: str, anchor: str = "") -> str:
    """`anchor`: the id of its heading, for links."""
    named = f' id="{anchor}"' if anchor else ""
    return f"<h2{named}>{html.escape(title)}</h2>\n" + "\n".join(content)


def paragraph(text: str) -> str:
    return f"<p>{html.escape(text)}</p>"


def picture(path: Path, description: str) -> str:
    """The file's bytes in the page itself."""
    return f"<img {source_of(path.read_bytes(), 'image/png', description)}>"


def source_of(content: bytes, kind: str, description: str) -> str:
    """Attributes of an image whose bytes are in the page itself."""
    alt = html.escape(description, quote=True)
    return f'alt="{alt}" src="data:{kind};base64,{base64.b64encode(content).decode()}"'


def embedded_json(content: Any, name: str, identifier: str) -> str:
    """Data that a script of the page can read, and that shows nothing."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    text = text.replace("<", "\\u003c")  # no tag can begin in it
    named = html.escape(name, quote=True)
    return f'<script type="application/json" id="{identifier}" data-name="{named}">{text}</script>'


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells are text, or HTML if they begin with '<td'."""
    cells = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    lines = "".join(f"<tr>{''.join(_cell(cell) for cell in row)}</tr>\n" for row in rows)
    return f'<div class="wide"><table><tr>{cells}</tr>\n{lines}</table></div>'


def number(value: str, mark: str = "") -> str:
    """A cell of a number; `mark` is 'met', 'missed' or nothing."""
    return f'<td class="number {mark}">{html.escape(value)}</td>'


def _cell(cell: str) -> str:
    return cell if cell.startswith("<td") else f"<td>{html.escape(cell)}</td>"
