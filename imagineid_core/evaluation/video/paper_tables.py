"""The papers' tables with our rows below theirs, and what is not the same said under each.

Our rows are made on other clips and often read by other networks: they are marked, and only
comparable with one another. Knows nothing about how a number was measured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MARK = "†"


@dataclass(frozen=True, kw_only=True)
class Column:
    head: str  # as the paper prints it, with its arrow
    metric: str
    digits: int
    is_papers: bool = True


@dataclass(frozen=True, kw_only=True)
class PaperTable:
    title: str
    data: str  # what the paper measured on
    readers: str  # and with
    columns: tuple[Column, ...]
    rows: Mapping[str, tuple[float | None, ...]]  # in the order of the paper's columns


_TEST_SET = "12 identities of MEAD and 10 of HDTF"
TABLES: tuple[PaperTable, ...] = (
    PaperTable(
        title="Table 1 of ImagineID: faces imagined from a voice",
        data=_TEST_SET,
        readers="D3DFR (Shape), FairFace (Age, Gender), FAN (Emotion), Inception (FID)",
        columns=(
            Column(head="Shape ↑", metric="shape_cosine", digits=2),
            Column(head="Age ↑", metric="age_cosine", digits=2),
            Column(head="Gender ↑", metric="gender_cosine", digits=2),
            Column(head="Emotion ↑", metric="emotion_cosine", digits=2),
            Column(head="FID ↓", metric="fid", digits=2),
        ),
        rows={
            "CMP": (0.60, 0.41, 0.87, 0.23, 228.05),
            "ImagineID": (0.75, 0.58, 0.93, 0.76, 25.78),
        },
    ),
    PaperTable(
        title="Table 2 of ImagineID: talking faces",
        data=_TEST_SET,
        readers="FAN (EACC, by no formula it gives), SyncNet (Sync), Inception (FID)",
        columns=(
            Column(head="EACC ↓", metric="eacc_distance", digits=3),
            Column(head="LMD ↓", metric="lmd_mouth", digits=2),
            Column(head="Sync ↑", metric="lse_c", digits=2),
            Column(head="FID ↓", metric="fid", digits=2),
            Column(head="PSNR ↑", metric="psnr", digits=2),
            Column(head="SSIM ↑", metric="ssim", digits=2),
            Column(head="EACC as accuracy ↑", metric="eacc_accuracy", digits=3, is_papers=False),
            Column(head="LMD / eyes ↓", metric="lmd_mouth_between_eyes", digits=4, is_papers=False),
            Column(
                head="LMD of the truth ↓", metric="reader_error_mouth", digits=2, is_papers=False
            ),
        ),
        rows={
            "Wav2Lip": (0.129, 2.96, 5.93, 40.79, 29.05, 0.59),
            "PC-AVS": (0.102, 2.71, 5.75, 45.84, 29.28, 0.59),
            "EAMM": (0.097, 2.75, 5.46, 50.55, 29.14, 0.61),
            "SadTalker": (0.121, 2.80, 5.84, 31.62, 29.55, 0.64),
            "ImagineID, Ours-C": (0.113, 2.82, 5.86, 28.09, 29.59, 0.60),
            "ImagineID, Ours-E": (0.090, 2.67, 5.91, 28.37, 29.66, 0.67),
        },
    ),
    PaperTable(
        title="Table 1 of SadTalker: head motion and quality",
        data="346 videos of HDTF, 8 s each",
        readers="SyncNet (LSE), Hopenet (Diversity), ArcFace (CSIM), Inception (FID); Beat Align "
        "was never released",
        columns=(
            Column(head="LSE-C ↑", metric="lse_c", digits=3),
            Column(head="LSE-D ↓", metric="lse_d", digits=3),
            Column(head="Diversity ↑", metric="head_diversity", digits=3),
            Column(head="Beat Align ↑", metric="beat_align", digits=3),
            Column(head="FID ↓", metric="fid", digits=3),
            Column(head="CPBD ↑", metric="cpbd", digits=3),
            Column(head="CSIM ↑", metric="csim", digits=3),
        ),
        rows={
            "Real video": (8.211, 6.982, 0.259, 0.271, 0.0, 0.428, 1.0),
            "Wav2Lip": (10.221, 5.535, None, None, 21.725, 0.368, 0.849),
            "PC-AVS": (9.053, 6.355, None, None, 69.127, 0.206, 0.683),
            "MakeItTalk": (5.110, 10.059, 0.257, 0.268, 28.243, 0.283, 0.838),
            "Audio2Head": (7.357, 7.535, 0.181, 0.267, 24.392, 0.281, 0.823),
            "Wang et al.": (4.932, 10.055, 0.226, 0.268, 22.432, 0.295, 0.811),
            "SadTalker": (7.290, 7.772, 0.278, 0.293, 22.057, 0.335, 0.843),
        },
    ),
)


@dataclass(frozen=True, kw_only=True)
class FilledTable:
    """Cells are numbers or None; `is_ours` of each row."""

    paper: PaperTable
    names: tuple[str, ...]
    is_ours: tuple[bool, ...]
    cells: tuple[tuple[float | None, ...], ...]
    notes: tuple[str, ...]


def fill_tables(sets: Sequence[Mapping[str, Any]]) -> list[FilledTable]:
    """`sets`: contents of `set.json`. A table that none of them has a number of is left out."""
    filled = (_filled(one, sets) for one in TABLES)
    return [one for one in filled if any(one.is_ours)]


def tables_without_ours(sets: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Titles of tables that were meant to be filled and have no number, and why."""
    told = {}
    for one in TABLES:
        if any(_filled(one, sets).is_ours):
            continue
        reasons = [
            f"{column.head[:-2]} {next(iter(content['skipped'][column.metric]))}"
            for column in one.columns
            for content in sets
            if content.get("skipped", {}).get(column.metric)
        ]
        if reasons:
            told[one.title] = "; ".join(dict.fromkeys(reasons))
    return told


def _filled(paper: PaperTable, sets: Sequence[Mapping[str, Any]]) -> FilledTable:
    of_paper = sum(column.is_papers for column in paper.columns)
    rest = (None,) * (len(paper.columns) - of_paper)
    names, cells, notes = [], [], [_about_paper(paper)]
    for name, values in paper.rows.items():
        names.append(name)
        cells.append((*values, *rest))
    num_of_paper = len(names)
    for one in sets:
        found = tuple(_value(one, column.metric) for column in paper.columns)
        if any(value is not None for value in found):
            names.append(f"{one['method']} {MARK}")
            cells.append(found)
            notes.append(_about_ours(paper, one))
    return FilledTable(
        paper=paper,
        names=tuple(names),
        is_ours=tuple(place >= num_of_paper for place in range(len(names))),
        cells=tuple(cells),
        notes=tuple(notes),
    )


def _value(content: Mapping[str, Any], metric: str) -> float | None:
    found = content["metrics"].get(metric)
    return None if found is None else found["value"]


def _about_paper(paper: PaperTable) -> str:
    return f"Rows without {MARK}: as printed in the paper, on {paper.data}, with {paper.readers}."


_SLOT_OF = {
    "fid": "fid",
    "lse_c": "syncnet",
    "lse_d": "syncnet",
    "shape_cosine": "coefficients",
    "age_cosine": "age",
    "gender_cosine": "gender",
    "emotion_cosine": "emotion",
    "eacc_distance": "emotion_classes",
    "csim": "identity",
    "head_diversity": "head_pose",
    "beat_align": "head_pose",
    "lmd_mouth": "landmarks",
}


def _about_ours(paper: PaperTable, one: Mapping[str, Any]) -> str:
    """Other data, other networks, and cells that are empty, in words."""
    measured = one["num_clips"] - len(one["failed"])
    told = [
        f"{MARK} {one['method']}: not the paper's data but {measured} clips of one's own (protocol "
        f"'{one['protocol']}'), so compare such rows with one another only."
    ]
    readers = []
    for column in paper.columns:
        slot = _SLOT_OF.get(column.metric)
        if slot in one["read_by"] and _value(one, column.metric) is not None:
            readers.append(f"{column.head[:-2]} by {' and '.join(one['read_by'][slot])}")
    if readers:
        told.append(f"Read: {'; '.join(readers)}.")
    told += _floor_of_lmd(one)
    empty = [c for c in paper.columns if c.is_papers and _value(one, c.metric) is None]
    for column in empty:
        reasons = one["skipped"].get(column.metric)
        why = "not of this protocol" if not reasons else next(iter(reasons))
        told.append(f"No {column.head[:-2]}: {why}.")
    if one["failed"]:
        told.append(f"Could not be measured: {', '.join(one['failed'])}.")
    faces = one["faces"]
    if faces["found"] < faces["frames"]:
        told.append(f"A face was found in {faces['found']} of {faces['frames']} frames.")
    return " ".join(told)


def _floor_of_lmd(one: Mapping[str, Any]) -> list[str]:
    """What the reader of landmarks gets wrong by itself, beside what it found."""
    error, found = _value(one, "reader_error_mouth"), _value(one, "lmd_mouth")
    if error is None or found is None:
        return []
    return [
        f"LMD of the truth: the same reader on the true films, against their meshes, {error:.2f} "
        f"pixels; an LMD near it, or differences far below it, mean nothing."
    ]


def as_text(one: FilledTable) -> str:
    heads = ["", *(column.head for column in one.paper.columns)]
    rows = [[name, *cells_of(one, place)] for place, name in enumerate(one.names)]
    widths = [max(map(len, each)) for each in zip(heads, *rows, strict=True)]
    lines = [one.paper.title]
    for cells in (heads, *rows):
        first, rest = cells[0].ljust(widths[0]), zip(cells[1:], widths[1:], strict=True)
        lines.append("  ".join([first, *(cell.rjust(width) for cell, width in rest)]))
    return "\n".join([*lines, *one.notes])


def cells_of(one: FilledTable, place: int) -> list[str]:
    """Of one row, with the digits of the paper."""
    columns = zip(one.cells[place], one.paper.columns, strict=True)
    return ["-" if cell is None else f"{cell:.{column.digits}f}" for cell, column in columns]
