"""A small set of clips with everything in it that a report has to cope with."""

import json
from pathlib import Path

import numpy as np

from tests.evaluation.video.films import HERE, frames, landmarks, save_landmarks, write_film

COUNT = 12  # frames
ODD = 'béla <i>& "co"'  # a name that is not HTML
METHOD = "<b>mine</b> & ты"
OPTIONS = [
    *("--trim", "--resize", "--fps", "25"),
    *("--extractor", f"identity={HERE}:thumbnails"),
    *("--extractor", f"fid={HERE}:thumbnails"),
]
MEASURED = ["anna", ODD, "pictures", "alone", "larger", "faster"]


def write_set(place: Path) -> Path:
    """`anna` is plain; faces are lost in the odd one; others differ in length, size and rate."""
    true = write_film(place / "true é.mp4", frames(COUNT))
    points = save_landmarks(place / "true.npz", landmarks(COUNT))
    lost = landmarks(COUNT, late=1)
    lost[[3, 4, 7]] = np.nan
    with_faces_lost = save_landmarks(place / "lost.npz", lost)
    late = save_landmarks(place / "late.npz", landmarks(COUNT, late=1))
    write_film(place / "anna.mp4", frames(COUNT, noise=0.02))
    write_film(place / f"{ODD}.mp4", frames(COUNT, noise=0.2))
    write_film(place / "pictures", frames(COUNT, noise=0.05))
    write_film(place / "larger.mp4", frames(COUNT + 3, size=144), with_sound=False)
    write_film(place / "faster.webm", frames(COUNT, late=2), fps=30)
    (place / "cut.mp4").write_bytes(true.read_bytes()[:1500])
    both = {"landmarks": late.name, "reference": true.name, "reference_landmarks": points.name}
    clips = [
        {"name": "anna", "video": "anna.mp4", **both},
        {"name": ODD, "video": f"{ODD}.mp4", **both, "landmarks": with_faces_lost.name},
        {"name": "cut", "video": "cut.mp4", "reference": true.name},
        {"name": "pictures", "video": "pictures", "reference": true.name},
        {"name": "alone", "video": "anna.mp4"},
        {"name": "larger", "video": "larger.mp4", "reference": true.name},
        {"name": "faster", "video": "faster.webm", "reference": true.name},
    ]
    content = json.dumps({"method": METHOD, "clips": clips}, ensure_ascii=False)
    (place / "manifest.json").write_text(content, encoding="utf-8")
    return place
