"""Which figures and contact sheets a report has, and what is to be seen in each.

Knows nothing about how anything was measured.
"""

from dataclasses import dataclass
from pathlib import Path

import torch

from imagineid_core.evaluation.imagine.figures import (
    draw_backgrounds,
    draw_drift,
    draw_mouth_curves,
    draw_mouths,
    draw_styles,
)
from imagineid_core.evaluation.imagine.kept_clips import ClipMaker
from imagineid_core.evaluation.imagine.measure import Measured
from imagineid_core.evaluation.imagine.sheets import Row, amplified, draw_sheet, evenly

_COLUMNS = 8
_SPEAKERS = 6
_KINDS = {
    "full": "pseudo-words and mesh",
    "words": "pseudo-words alone, mesh at rest",
    "mesh": "mesh alone, zeros for theta",
    "zeroed": "neither",
    "rendered": "rendered, not generated",
}


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A picture of the report and what is to be seen in it."""

    file: Path
    title: str
    caption: str


def draw_report(maker: ClipMaker, measured: Measured, folder: Path) -> list[Figure]:
    """Every figure for which there is something to show."""
    figures: list[Figure] = []

    def keep(name: str, title: str, caption: str) -> Path:
        figures.append(Figure(file=folder / f"{name}.png", title=title, caption=caption))
        return figures[-1].file

    rows = []
    for performance, clip in measured.clips:
        shown = evenly(len(clip.frames), _COLUMNS)
        meshes = maker.meshes(performance)
        rows += [
            Row(
                name=clip.name.removeprefix("coherent_").replace("_", "\n"),
                pictures=clip.frames[shown],
                words=tuple(str(index + 1) for index in shown),
            ),
            Row(name="mesh", pictures=torch.cat([meshes[index].colour for index in shown])),
        ]
    if rows:
        file = keep(
            "clips",
            "Coherent clips",
            "Frames of clips of held-out voices, numbered from 1, and the meshes they follow.",
        )
        draw_sheet(rows, file)
    if measured.mouths:
        file = keep(
            "mouths",
            "Mouths against meshes",
            "A dot a frame. On the line the picture's mouth is as open as its mesh's.",
        )
        draw_mouths(measured.mouths, file)
    if measured.mouth_clips:
        file = keep("mouth_curves", "Mouths over time", "Openings of mesh and picture.")
        draw_mouth_curves(measured.mouth_clips, file)
    if measured.backgrounds:
        file = keep(
            "backgrounds",
            "Backgrounds",
            "The same latents decoded plainly and with MBA; dotted is the goal.",
        )
        draw_backgrounds(measured.backgrounds, file)
        _draw_differences(
            measured,
            keep(
                "background_frames",
                "What moves in the background",
                "The last frame of clips decoded plainly and with MBA, and eight times its "
                "difference to frame 1: grey is no difference.",
            ),
        )
    if measured.seeds:
        frames = torch.cat([one.frames for one in measured.seeds])
        file = keep(
            "seeds", "Seeds of one voice", "The same voice and mesh; only the seed differs."
        )
        draw_sheet([Row(name="seeds", pictures=frames)], file)
    if measured.drift is not None and measured.long_clip is not None:
        file = keep(
            "drift", "Drift over a long clip", "Thick lines are means over the second before."
        )
        draw_drift(measured.drift, measured.values.get("distance_between_seeds"), file)
        clip = measured.long_clip
        shown = evenly(len(clip.frames), _COLUMNS)
        file = keep("long_clip", "The long clip", "Frames numbered from 1.")
        words = tuple(str(index + 1) for index in shown)
        draw_sheet([Row(name="", pictures=clip.frames[shown], words=words)], file)
    if measured.styles:
        file = keep(
            "styles",
            "Emotions as a probe names them",
            "The probe learned from rendered portraits. Rows are the voice's emotion.",
        )
        draw_styles(measured.styles, file)
    for kind, made in measured.diverse.items():
        file = keep(
            f"diverse_{kind}",
            f"Frames in diverse mode: {_KINDS[kind]}",
            "A row an emotion, a column a voice; every picture has a seed of its own.",
        )
        speakers = sorted(set(made.speakers))[:_SPEAKERS]
        by = dict(zip(zip(made.styles, made.speakers, strict=True), made.frames, strict=True))
        draw_sheet(
            [
                Row(name=style, pictures=torch.stack([by[style, who] for who in speakers]))
                for style in sorted(set(made.styles))
            ],
            file,
        )
    if measured.against is not None:
        against = measured.against
        count = min(_COLUMNS, len(against.truth))
        file = keep(
            "truth",
            "Against true portraits",
            "I_id is a portrait of the person; the mesh is that of another moment, which the truth "
            "shows. No voice is heard here.",
        )
        draw_sheet(
            [
                Row(name="I_id", pictures=against.identity[:count]),
                Row(name="made", pictures=against.made[:count]),
                Row(name="truth", pictures=against.truth[:count]),
            ],
            file,
        )
    return figures


def _draw_differences(measured: Measured, file: Path) -> None:
    clips = {clip.name.removeprefix("coherent_"): clip for _, clip in measured.clips}
    shown = list(measured.backgrounds.items())[:_COLUMNS]
    last = {
        "plain": [one.plain_frames[-1] for _, one in shown],
        "with MBA": [clips[name].frames[-1] for name, _ in shown],
    }
    rows = []
    for kind, pictures in last.items():
        rows.append(Row(name=kind, pictures=torch.stack(pictures)))
        differences = [
            amplified(picture[None], clips[name].frames[0])
            for picture, (name, _) in zip(pictures, shown, strict=True)
        ]
        rows.append(Row(name="8 x its\ndifference", pictures=torch.cat(differences)))
    outside = [one.outside.float()[None].expand(3, -1, -1) * 2 - 1 for _, one in shown]
    rows.append(Row(name="outside\nall masks", pictures=torch.stack(outside)))
    draw_sheet(rows, file)
