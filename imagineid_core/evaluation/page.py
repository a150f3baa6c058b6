"""One HTML page with everything in it: numbers, words and pictures; opens without a network.

Knows nothing about what is reported.
"""

import base64
import html
from collections.abc import Sequence
from pathlib import Path

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2933; background: #fbfaf7;
       max-width: 1180px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
table { border-collapse: collapse; } td, th { padding: .25rem .8rem .25rem 0; text-align: left;
       border-bottom: 1px solid #d8d2c4; vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.met { color: #2f7f79; } .missed { color: #b4552d; font-weight: 600; }
img { max-width: 100%; border: 1px solid #d8d2c4; } code { font-size: .92em; }
"""


def page(title: str, sections: Sequence[str]) -> str:
    told = html.escape(title)
    body = "\n".join(sections)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f"<title>{told}</title><style>{_STYLE}</style></head>\n"
        f"<body><h1>{told}</h1>\n{body}\n</body></html>\n"
    )


def section(title: str, *content: str) -> str:
    return f"<h2>{html.escape(title)}</h2>\n" + "\n".join(content)


def paragraph(text: str) -> str:
    return f"<p>{html.escape(text)}</p>"


def picture(path: Path, description: str) -> str:
    """The file's bytes in the page itself."""
    data = base64.b64encode(path.read_bytes()).decode()
    alt = html.escape(description, quote=True)
    return f'<img alt="{alt}" src="data:image/png;base64,{data}">'


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells are text, or HTML if they begin with '<td'."""
    cells = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    lines = "".join(f"<tr>{''.join(_cell(cell) for cell in row)}</tr>\n" for row in rows)
    return f"<table><tr>{cells}</tr>\n{lines}</table>"


def number(value: str, mark: str = "") -> str:
    """A cell of a number; `mark` is 'met', 'missed' or nothing."""
    return f'<td class="number {mark}">{html.escape(value)}</td>'


def _cell(cell: str) -> str:
    return cell if cell.startswith("<td") else f"<td>{html.escape(cell)}</td>"
