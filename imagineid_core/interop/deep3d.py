"""D3DFR's released reconstruction network: a photograph to face coefficients (supplement 0.1).

Reads `epoch_20.pth`, or SadTalker's safetensors container, which holds the same network. Does not
know how landmarks are found, nor what the coefficients are drawn with (the Basel Face Model).
"""

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.face.align import Alignment, align_face, crop_face
from imagineid_core.face.recon_net import ReconNet, ReconNetConfig
from imagineid_core.interop.released import fill_renamed, read_part, read_pickle
from imagineid_core.values import FaceCoefficients

RECON_PREFIX = "face_3drecon."


def load_recon_net(path: str | Path, config: ReconNetConfig | None = None) -> ReconNet:
    """From epoch_20.pth or SadTalker_V0.0.2_*.safetensors; every weight, in eval mode."""
    path = Path(path)
    if path.suffix.lower() == ".safetensors":
        released = read_part(path, RECON_PREFIX)
    else:
        released = read_pickle(path, key="net_recon")
    network = ReconNet(config or ReconNetConfig())
    same_names = {name: name for name, _ in network.named_modules()}
    fill_renamed(network, released, same_names, part="ReconNet", source=path.name)
    return network.eval()


@torch.no_grad()
def reconstruct(
    network: ReconNet,
    image: Float[Tensor, "3 height width"],
    landmarks: Float[Tensor, "landmarks 2"],
) -> tuple[FaceCoefficients, Alignment]:
    """Coefficients of the face in a photograph of any size, and how it was aligned.

    `landmarks`: columns and rows of 68 iBUG points or of five. The coefficients place the face in
    the 224 crop; `out_of_crop` takes positions of that crop back to the photograph.
    """
    alignment = align_face(landmarks, height=image.shape[-2], width=image.shape[-1])
    return network(crop_face(image, alignment)[None]), alignment
