"""How well the autoencoder of the mini suite gives portraits back, on people it never saw.

Knows nothing about training.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from imagineid_core.corpus.people import PeopleCorpus, to_image
from imagineid_core.errors import InputError
from imagineid_core.training.face_regions import mouth_crops, peak_signal_to_noise

NUM_PEOPLE = 200


@torch.no_grad()
def measure_vae(
    vae: nn.Module,
    corpus: PeopleCorpus,
    *,
    split: str = "test",
    num_people: int = NUM_PEOPLE,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[str, float]:
    """PSNR of whole frames and of mouth crops after encoding and decoding, posterior means.

    All frames of the first `num_people` people of the split; what is drawn is cut to [-1, 1].
    """
    names = corpus.names(split)[:num_people]
    if not names:
        raise InputError(f"{corpus.folder} has nobody in '{split}'. Make a larger corpus.")
    net: Any = vae.eval()
    weight = next(net.parameters())
    whole, mouth = [], []
    for done, name in enumerate(names):
        stored = corpus.tensors(name, ("portrait", "mouth_box"))
        images, box = to_image(stored["portrait"]), stored["mouth_box"].long()
        latents = net.encode(images.to(weight)).latent_dist.mode()
        drawn = net.decode(latents).sample.to(images).clamp(-1, 1)
        whole.append(peak_signal_to_noise(drawn, images))
        mouth.append(peak_signal_to_noise(mouth_crops(drawn, box), mouth_crops(images, box)))
        if on_progress is not None:
            on_progress(done + 1, len(names))
    psnr, mouth_psnr = torch.cat(whole), torch.cat(mouth)
    return {
        "psnr": float(psnr.mean()),
        "psnr_p10": float(psnr.quantile(0.1)),
        "mouth_psnr": float(mouth_psnr.mean()),
        "mouth_psnr_p10": float(mouth_psnr.quantile(0.1)),
        "num_people": float(len(names)),
        "num_frames": float(len(psnr)),
    }
