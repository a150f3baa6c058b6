"""SadTalker's released audio networks (Sec. 3.2 there): voice to expression and head motion.

Reads the public safetensors container, or the older pair of .pth files, into our modules. Does not
know the renderer of SadTalker, nor the other three parts of its container.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from imagineid_core.errors import InputError
from imagineid_core.interop.released import fill_renamed, has_prefixes, read_part, read_pickle
from imagineid_core.listen.expnet import ExpNet, ExpNetConfig
from imagineid_core.listen.mel_encoder import MELS, STEPS, MelEncoder, MelEncoderConfig
from imagineid_core.listen.progressive import Frames
from imagineid_core.motion.blink import sadtalker_blinks
from imagineid_core.motion.head_pose import PoseVAE, PoseVAEConfig, head_motion
from imagineid_core.motion.smooth import savitzky_golay
from imagineid_core.values import PAPER_FPS, MotionTrack

EXPNET_PREFIX = "audio2exp."
POSE_PREFIX = "audio2pose."
_CONTAINER_PREFIXES = (EXPNET_PREFIX, POSE_PREFIX, "face_3drecon.", "generator.", "kp_extractor.")
_IGNORED_IN_POSE = ("netD_motion.",)  # the discriminator, used in training only


Progress = Callable[[str, int, int], None]  # stage, frames done, frames in all
_FRAMES_AT_ONCE = 512


@dataclass(frozen=True, kw_only=True)
class AudioToPose:
    """PoseVAE with the frozen audio encoder it was trained on."""

    audio_encoder: MelEncoder
    vae: PoseVAE


@dataclass(frozen=True, kw_only=True)
class SadTalkerListener:
    """Both networks that hear."""

    expnet: ExpNet
    audio_to_pose: AudioToPose


def is_sadtalker_container(path: str | Path) -> bool:
    """Whether this is the safetensors release; reads the header only, never raises for a file."""
    return has_prefixes(path, _CONTAINER_PREFIXES)


def load_sadtalker(path: str | Path, pose_path: str | Path | None = None) -> SadTalkerListener:
    """Both networks from the container, or from auido2exp_*.pth and auido2pose_*.pth."""
    return SadTalkerListener(
        expnet=load_expnet(path), audio_to_pose=load_audio2pose(pose_path or path)
    )


def load_expnet(path: str | Path) -> ExpNet:
    """From SadTalker_V0.0.2_*.safetensors or auido2exp_00300-model.pth; in eval mode."""
    return expnet_from(_released(path, EXPNET_PREFIX), source=Path(path).name)


def load_audio2pose(path: str | Path) -> AudioToPose:
    """From SadTalker_V0.0.2_*.safetensors or auido2pose_00140-model.pth; in eval mode."""
    return audio2pose_from(_released(path, POSE_PREFIX), source=Path(path).name)


def expnet_from(released: Mapping[str, Tensor], *, source: str) -> ExpNet:
    network = ExpNet(ExpNetConfig())
    names = {
        **_mel_encoder_names(ours="audio_encoder.", theirs="audio_encoder."),
        "mapping": "mapping1",
    }
    fill_renamed(network, released, names, part="ExpNet", source=source)
    return network.eval()


def audio2pose_from(released: Mapping[str, Tensor], *, source: str) -> AudioToPose:
    # One module, so that one comparison of keys covers both halves of the file.
    both = nn.ModuleDict(
        {
            "audio_encoder": MelEncoder(MelEncoderConfig()),
            "vae": PoseVAE(PoseVAEConfig(log_variance_from_mean_head=True)),
        }
    )
    names = {
        **_mel_encoder_names(ours="audio_encoder.", theirs="audio_encoder.audio_encoder."),
        **_half_names("encoder"),
        **_half_names("decoder"),
        "vae.encoder.mean": "netG.encoder.linear_means",
        "vae.encoder.log_variance": "netG.encoder.linear_logvar",
        "vae.decoder.motion": "netG.decoder.MLP.L1",
        "vae.decoder.pose": "netG.decoder.pose_linear",
    }
    fill_renamed(both, released, names, part="PoseVAE", source=source, ignored=_IGNORED_IN_POSE)
    audio_encoder, vae = both.eval().values()
    assert isinstance(audio_encoder, MelEncoder)
    assert isinstance(vae, PoseVAE)
    return AudioToPose(audio_encoder=audio_encoder, vae=vae)


@torch.no_grad()
def listen_sadtalker(
    listener: SadTalkerListener,
    windows: Frames,
    *,
    seed: int,
    style: int = 0,
    blink: Float[Tensor, " blinks"] | None = None,
    reference_expression: Float[Tensor, "references expression"] | None = None,
    reference_pose: Float[Tensor, " pose"] | None = None,
    smooth: bool = True,
    on_progress: Progress | None = None,
) -> tuple[Float[Tensor, "frames expression"], MotionTrack]:
    """Expression and motion for a voice of any length at 25 fps, as SadTalker's release makes them.

    `windows`: 80 mel bands x 16 steps a frame by SadTalker's rule, or what cuts them when asked
    (audio/features.py: MelWindows), so that memory does not grow with the windows.
    `style`: 0 to 45, one of the speakers the head motion was learned from.
    `blink`: one value a frame; not given, the released random schedule; zeros keep the eyes open.
    `reference_expression`, `reference_pose`: those of the source face, one row (or one a frame for
    the expression); not given, zero, which is a neutral face that looks into the camera.
    `smooth`: Savitzky-Golay over the pose. The expression is not smoothed.
    The same seed gives the same head motion whether or not `blink` is given.
    """
    if not len(windows):
        raise InputError("windows has 0 frames, so there is nothing to hear. Use a longer clip.")
    if not -(2**63) <= seed < 2**63:
        raise InputError(f"seed is {seed} but must fit 64 bits. Use 0 to {2**63 - 1}.")
    generator = torch.Generator().manual_seed(seed)
    audio = _in_slices(listener.audio_to_pose.audio_encoder, windows, "head motion", on_progress)
    pose = head_motion(
        listener.audio_to_pose.vae,
        audio,
        style=style,
        start=reference_pose,
        generator=generator,
    )
    if smooth:
        pose = savitzky_golay(pose)
    if blink is None:
        blink = sadtalker_blinks(len(windows), generator)
    if reference_expression is None:
        reference_expression = torch.zeros(1, listener.expnet.config.expression_dim)
    expression = _in_slices(
        listener.expnet, windows, "expression", on_progress, reference_expression, blink
    )
    return expression, MotionTrack(pose=pose, blink=blink, fps=PAPER_FPS)


def _in_slices(
    network: nn.Module,
    windows: Frames,
    stage: str,
    on_progress: Progress | None,
    *others: Tensor,
) -> Float[Tensor, "frames dim"]:
    """`others` with one row a frame are sliced with the windows; the network checks the rest."""
    weight = next(network.parameters())
    total = len(windows)
    results = []
    for start in range(0, total, _FRAMES_AT_ONCE):
        stop = min(start + _FRAMES_AT_ONCE, total)
        part = windows[start:stop]
        pictures = part.unflatten(1, (MELS, STEPS)) if part.ndim == 2 else part
        rows = [other[start:stop] if len(other) == total else other for other in others]
        results.append(network(pictures.to(weight), *(row.to(weight) for row in rows)))
        if on_progress is not None:
            on_progress(stage, stop, total)
    return torch.cat(results)


def _released(path: str | Path, prefix: str) -> dict[str, Tensor]:
    if Path(path).suffix.lower() == ".safetensors":
        return read_part(path, prefix)
    return read_pickle(path, key="model")


def _mel_encoder_names(*, ours: str, theirs: str) -> dict[str, str]:
    names = {}
    for block in range(13):
        names[f"{ours}blocks.{block}.conv"] = f"{theirs}{block}.conv_block.0"
        names[f"{ours}blocks.{block}.norm"] = f"{theirs}{block}.conv_block.1"
    return names


def _half_names(half: str) -> dict[str, str]:
    """What encoder and decoder of PoseVAE have in common."""
    ours, theirs = f"vae.{half}", f"netG.{half}"
    unet = {f"{ours}.unet.{a}": f"{theirs}.resunet.{b}" for a, b in _unet_names().items()}
    return {
        **unet,
        f"{ours}.audio": f"{theirs}.linear_audio",
        f"{ours}.hidden": f"{theirs}.MLP.L0",
        f"{ours}.style.weight": f"{theirs}.classbias",  # a bare parameter there
    }


def _unet_names() -> dict[str, str]:
    residual = {
        "first_norm": "conv_block.0",
        "first_conv": "conv_block.2",
        "second_norm": "conv_block.3",
        "second_conv": "conv_block.5",
        "skip_conv": "conv_skip.0",
        "skip_norm": "conv_skip.1",
    }
    blocks = {
        "down.0": "residual_conv_1",
        "down.1": "residual_conv_2",
        "down.2": "bridge",
        "merge.0": "up_residual_conv1",
        "merge.1": "up_residual_conv2",
        "merge.2": "up_residual_conv3",
    }
    names = {
        "entry.first": "input_layer.0",
        "entry.norm": "input_layer.1",
        "entry.second": "input_layer.3",
        "entry.skip": "input_skip.0",
        "up.0": "upsample_1.upsample",
        "up.1": "upsample_2.upsample",
        "up.2": "upsample_3.upsample",
        "exit": "output_layer.0",
    }
    for our_block, their_block in blocks.items():
        for ours, theirs in residual.items():
            names[f"{our_block}.{ours}"] = f"{their_block}.{theirs}"
    return names
