"""One name for every face model: ours, a file or a folder of the user's (Sec. 3.1).

Knows which files belong to which model, and nothing about what is in them.
"""

from os import PathLike
from pathlib import Path

from imagineid_core.errors import WeightsError
from imagineid_core.values import FaceBasis

OPEN = "open"  # the embedded face
_BFM_2009 = "01_MorphableModel.mat"


def load_face(choice: str | PathLike[str] = OPEN) -> FaceBasis:
    """`open`, BFM_model_front.mat, a BFM-2009 or ICT-FaceKit folder, or a saved basis."""
    if choice == OPEN:
        from imagineid_core.face.open_face import open_face_basis

        return open_face_basis()
    path = Path(choice)
    if not path.exists():
        raise WeightsError(
            f"face model {choice} is not there. Use '{OPEN}' for the embedded face, or the path "
            "of BFM_model_front.mat, of an ICT-FaceKit folder or of a saved basis."
        )
    if path.is_dir():
        return _from_folder(path)
    if path.suffix.lower() == ".mat":
        from imagineid_core.face.bfm import load_bfm

        return load_bfm(path)
    from imagineid_core.face.basis import load_basis

    return load_basis(path)


def _from_folder(folder: Path) -> FaceBasis:
    if (folder / _BFM_2009).is_file():
        from imagineid_core.face.bfm import build_from_bfm2009

        return build_from_bfm2009(folder)
    from imagineid_core.face.ict import load_ict

    return load_ict(folder)
