"""What lies in ComfyUI's models/imagineid, for the pickers of our loaders.

Knows nothing about what is in the files beyond the name of the part that they hold.
"""

from pathlib import Path, PurePath
from typing import Any

import folder_paths

from imagineid_core.checkpoint import architecture_of
from imagineid_core.errors import WeightsError
from imagineid_core.listen.pad import ARCHITECTURES

FOLDER = "imagineid"
EMBEDDED = "embedded"
_BFM_2009, _ICT = "01_MorphableModel.mat", "generic_neutral_mesh.obj"
_FACE_BASIS = "face_basis"


def register_folder() -> None:
    """models/imagineid is one of ComfyUI's model folders, beside what the user's own paths say."""
    folder_paths.add_model_folder_path(FOLDER, str(Path(folder_paths.models_dir) / FOLDER))


def weight_files(part: str) -> list[str]:
    """Files of ours that hold this part, by their names within the folder."""
    return [
        name
        for name in _names()
        if name.endswith(".safetensors") and architecture_of(_path(name)) == part
    ]


def pad_folders() -> list[str]:
    """Folders that hold PAD's first stage, '.' for models/imagineid itself."""
    first = f"{ARCHITECTURES['identity']}.safetensors"
    return sorted({_folder_of(name) for name in _names() if PurePath(name).name == first})


def face_models() -> list[str]:
    """Files and folders that `load_face` opens."""
    found = set()
    for name in _names():
        path = PurePath(name)
        if path.name in (_BFM_2009, _ICT):
            found.add(_folder_of(name))
        elif path.suffix.lower() == ".mat" and path.name.startswith("BFM_"):
            found.add(name)
    return sorted(found | set(weight_files(_FACE_BASIS)))


def place_of(choice: str, what: str) -> Path:
    """The path of a file or folder that a picker named; gone since then is an error."""
    for root in folder_paths.get_folder_paths(FOLDER):
        path = Path(root) / choice
        if path.exists():
            return path
    roots = ", ".join(folder_paths.get_folder_paths(FOLDER))
    raise WeightsError(
        f"weights for '{what}' not found in models/{FOLDER}. Looked for: {choice} in {roots}. "
        "Copy them there or choose others; README, Weights, says where they come from."
    )


def state_of(place: Path) -> list[Any]:
    """Names, sizes and times of a file or of what lies in a folder: another if anything changed."""
    files = sorted(place.rglob("*")) if place.is_dir() else [place]
    seen = [(file, file.stat()) for file in files if file.is_file()]
    return [[str(file), stat.st_size, stat.st_mtime_ns] for file, stat in seen]


def _names() -> list[str]:
    return folder_paths.get_filename_list(FOLDER)


def _path(name: str) -> str:
    return folder_paths.get_full_path_or_raise(FOLDER, name)


def _folder_of(name: str) -> str:
    return PurePath(name).parent.as_posix()
