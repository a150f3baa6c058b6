"""The files of a diffusers folder, and how its training says that each was made.

Knows nothing about what the files hold.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from imagineid_core.errors import InputError, WeightsError

INDEX, TRAINING = "model_index.json", "training.json"
_BESIDE = (INDEX, "recommended.json", TRAINING)  # the parts' folders
WEIGHTS = ".safetensors"
KINDS = (WEIGHTS, ".json", ".txt")
# Which stages of a training taught a part of the model.
_STAGES = {
    "vae": ("vae", "fine", "finer"),
    "text_encoder": ("caption", "diffusion", "fine_diffusion", "finer_diffusion"),
    "unet": ("diffusion", "fine_diffusion", "finer_diffusion"),
}
_NEEDED = ("command", "preset", "seed", "corpus")


class ModelFolder:
    """A diffusers folder with the training.json that its training wrote."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._index = _document(folder / INDEX)
        self._training = _document(folder / TRAINING)
        if unknown := [name for name in _NEEDED if self._training.get(name) in (None, "")]:
            raise WeightsError(
                f"{folder / TRAINING} does not say its {', '.join(unknown)}, so nobody could make "
                "the model again. Give a folder written by 'imagineid train imagine'."
            )

    @property
    def gates(self) -> Mapping[str, Any]:
        """What the training measured of its own parts, by the gate's name."""
        return self._training.get("gates", {})

    def files(self) -> Iterator[tuple[str, Path]]:
        """Name within the folder, and path, of the model itself; what lies beside it is not."""
        for name in _BESIDE:
            if (self.folder / name).is_file():
                yield name, self.folder / name
        for part in sorted(name for name in self._index if (self.folder / name).is_dir()):
            for path in sorted(path for path in (self.folder / part).rglob("*") if path.is_file()):
                if path.suffix not in KINDS:
                    raise InputError(
                        f"{path} is no {', '.join(KINDS)} file, and no other is shipped. "
                        "Save the model as safetensors, or remove the file."
                    )
                yield path.relative_to(self.folder).as_posix(), path

    def architecture(self, name: str) -> str:
        """The class that reads a file, from the model's index."""
        part, _, within = name.partition("/")
        return str(self._index[part][1] if within else self._index.get("_class_name", "model"))

    def training(self, name: str) -> Mapping[str, Any]:
        """How a file was made; of learned ones also how long, and what they reached."""
        made = {field: self._training[field] for field in _NEEDED}
        if not name.endswith(WEIGHTS):
            return made
        taught = _STAGES.get(name.partition("/")[0], ())
        told = self._training.get("stages", {})
        stages = {name: dict(told[name]) for name in taught if name in told}
        if not stages or not all("steps" in stage for stage in stages.values()):
            raise WeightsError(
                f"{self.folder / TRAINING} does not say how {name} was trained (stages "
                f"{', '.join(taught) or 'unknown'}). Give a folder written by "
                "'imagineid train imagine'."
            )
        steps = {name: stage.pop("steps") for name, stage in stages.items()}
        return {**made, "steps": steps, "metrics": stages}


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"{path} is not readable ({error}). Give the folder 'model' that "
            "'imagineid train imagine' wrote."
        ) from error
    if not isinstance(document, dict):
        raise WeightsError(f"{path} holds no object. Write the model again.")
    return document
