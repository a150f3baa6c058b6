"""PAD's networks in ComfyUI's memory: on its device while they run, where it wants them after.

Knows nothing about sounds or files.
"""

from dataclasses import dataclass
from typing import Any

import comfy.model_management as memory
from comfy.model_patcher import ModelPatcher
from torch import nn

from imagineid_core.listen.pad import Pad
from imagineid_core.motion.head_pose import PoseVAE


@dataclass(frozen=True, kw_only=True)
class ListeningNetworks:
    """What an IMAGINEID_PAD wire carries; head motion is small and stays on the CPU."""

    pad: Pad
    head: PoseVAE | None
    patcher: Any  # ComfyUI's hold on the three networks of `pad`

    def loaded(self) -> Pad:
        """The networks, on the device ComfyUI computes on."""
        memory.load_models_gpu([self.patcher])
        return self.pad


def listening_networks(pad: Pad, head: PoseVAE | None) -> ListeningNetworks:
    nets = nn.ModuleList([pad.identity, pad.content, pad.emotion])
    patcher = ModelPatcher(
        nets, load_device=memory.get_torch_device(), offload_device=memory.unet_offload_device()
    )
    return ListeningNetworks(pad=pad, head=head, patcher=patcher)
