"""The Autoregressive Sampler: Alg. 1 on ComfyUI, from meshes to a film, a frame at a time.

Knows nothing about how a frame is denoised or decoded, nor about the order of frames.
"""

from typing import Any

import comfy.samplers
from comfy_api.latest import io
from torch import Tensor

from imagineid_core.pipeline.imagined_film import MeshPictures

from .comfy_host import ComfyHost, Sampling
from .film import Clip, Progress, filmed
from .frame_control import Conditioning
from .recommended import recommended_of, shown_as
from .schema import ImagineNode, gives, node_schema, takes
from .sockets import ADAPTERS, MESH, OPTIONS
from .unfinished import Asked


class AutoregressiveSampler(ImagineNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "AutoregressiveSampler",
            "Autoregressive Sampler",
            "imagine",
            "Imagine a talking person, frame after frame (Alg. 1): the first from text and mesh, "
            "every other also from the first and the one before. The film is written as frames "
            "are made; one that was stopped goes on when you run it again unchanged.",
            inputs=[
                takes(io.Model, "model", "Any MODEL of SD1.x or SD2.x, with LoRAs and patches."),
                takes(io.Vae, "vae", "The VAE of the MODEL."),
                takes(
                    io.Conditioning,
                    "positive",
                    "Y: the text, best from the Textual Inversion Adapter. ControlNets in it act "
                    "too; give them one picture, or one for every frame.",
                ),
                takes(io.Conditioning, "negative", "What guidance moves away from."),
                takes(MESH, "mesh", "I_rd of every frame, in multiples of 8 pixels a side."),
                takes(
                    io.Int,
                    "seed",
                    "Of the noise, which all frames share.",
                    default=0,
                    min=0,
                    max=2**63 - 1,
                    control_after_generate=True,
                ),
                takes(
                    io.Int,
                    "steps",
                    "T: denoising steps a frame. The paper: 50; the Mini Suite: 20.",
                    default=50,
                    min=1,
                    max=10_000,
                ),
                takes(
                    io.Float,
                    "cfg",
                    "Classifier-free guidance of the first frame; the others have none unless the "
                    "options say so. SD: 7.5; the Mini Suite: 2. The paper does not say.",
                    default=7.5,
                    min=1.0,
                    max=100.0,
                    step=0.1,
                ),
                takes(
                    io.Combo,
                    "sampler_name",
                    "The paper's DDIM is 'ddim'.",
                    options=comfy.samplers.KSampler.SAMPLERS,
                    default="ddim",
                ),
                takes(
                    io.Combo,
                    "scheduler",
                    "'simple' spaces the steps evenly from pure noise on, as the Mini Suite needs.",
                    options=comfy.samplers.KSampler.SCHEDULERS,
                    default="simple",
                ),
                takes(
                    io.Boolean,
                    "keep_images",
                    "IMAGE holds every frame in memory: 3 MB each at 512 x 512. If they do not "
                    "fit, nothing is begun. Off: only the last.",
                    default=True,
                ),
                takes(
                    io.Int,
                    "show_size",
                    "Width of the film's pictures in pixels, enlarged. 0: as the MODEL is best "
                    "seen, the Mini Suite at 512, others as imagined. IMAGE stays as imagined.",
                    default=0,
                    min=0,
                    max=4096,
                    step=2,
                ),
                takes(
                    io.Boolean,
                    "show_label",
                    "The film says on a strip under its pictures that a demonstration model made "
                    "it. No effect on other MODELs.",
                    default=True,
                ),
                takes(
                    ADAPTERS,
                    "adapters",
                    "SCA, MBA and matting. Without SCA frames are held by noise, text and "
                    "ControlNets alone.",
                    optional=True,
                ),
                takes(io.Audio, "audio", "The film's sound.", optional=True),
                takes(
                    io.Image,
                    "image",
                    "The first frame, instead of an imagined one: a portrait of the mesh's size, "
                    "its face where the first mesh is.",
                    optional=True,
                ),
                takes(
                    io.Mask,
                    "matte",
                    "Where the person is (1), for mask blending in all frames, instead of what the "
                    "matting adapter finds.",
                    optional=True,
                ),
                takes(
                    io.Image,
                    "background",
                    "I_bg for mask blending, instead of the first frame with the person filled in.",
                    optional=True,
                ),
                takes(
                    io.Sigmas,
                    "sigmas",
                    "Noise levels that take the place of steps and scheduler.",
                    optional=True,
                ),
                takes(OPTIONS, "options", "Whatever else differs from Alg. 1.", optional=True),
                takes(
                    io.Noise,
                    "noise",
                    "z_T, which all frames share, and the seed of a sampler's own noise: both in "
                    "place of the seed. From Random Noise, say.",
                    optional=True,
                ),
                takes(
                    io.Sampler,
                    "sampler",
                    "Takes the place of sampler_name.",
                    optional=True,
                ),
            ],
            outputs=[
                gives(io.Video, "video", "The film with its sound."),
                gives(io.Image, "images", "Every frame, or the last."),
                gives(io.Image, "first_frame", "I_id."),
                gives(io.Latent, "last_latent", "z_0 of the last frame."),
            ],
        )

    @classmethod
    def execute(cls, **asked: Any) -> io.NodeOutput:
        return io.NodeOutput(*_sampled(asked, **asked))


class ImagineOptions(ImagineNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        share = {"min": 0.0, "max": 1.0, "step": 0.01}
        return node_schema(
            "ImagineOptions",
            "Imagine Options",
            "imagine",
            "What may differ from Alg. 1 in the Autoregressive Sampler; as it stands, nothing "
            "does.",
            inputs=[
                takes(
                    io.Float,
                    "guidance",
                    "Classifier-free guidance of all frames but the first. 1: none, which halves "
                    "their work.",
                    default=1.0,
                    min=1.0,
                    max=100.0,
                    step=0.1,
                ),
                takes(
                    io.Float,
                    "guided_share",
                    "Share of the steps, from the first on, in which there is guidance at all. "
                    "0: as the MODEL recommends.",
                    **(share | {"default": 0.0}),
                ),
                takes(
                    io.Int,
                    "settles",
                    "Make an imagined first frame anew so often, as a coherent frame of itself, so "
                    "that it looks as the frames after it do. 0: as the paper does; -1: as the "
                    "MODEL recommends.",
                    default=-1,
                    min=-1,
                    max=10,
                ),
                takes(
                    io.Boolean,
                    "anchors_background",
                    "The background looks as the first frame shows it, wherever that does. Off: as "
                    "the paper's adapter alone makes it.",
                    default=True,
                ),
                takes(
                    io.Float,
                    "matte_dilation",
                    "How far the person's mask grows before blending, as a share of the picture's "
                    "height.",
                    default=0.02,
                    min=0.0,
                    max=0.5,
                    step=0.005,
                ),
                takes(
                    io.Int,
                    "meshes_ahead",
                    "How many meshes the VAE encodes together.",
                    default=4,
                    min=1,
                    max=64,
                ),
                takes(
                    io.Float,
                    "warm_start",
                    "Beyond the paper: begin a frame from the one before, noised for this share of "
                    "the steps. 0: from pure noise, as the paper does.",
                    **(share | {"default": 0.0}),
                ),
                takes(
                    io.Int,
                    "resync",
                    "Beyond the paper: hide the mouth in latents, and in pixels only every so many "
                    "frames. 0: in pixels always, as the paper does.",
                    default=0,
                    min=0,
                    max=10_000,
                ),
                takes(
                    io.Boolean,
                    "fresh_step_noise",
                    "Samplers that add noise in their steps draw other noise for every frame; it "
                    "flickers. Off: the same for all.",
                    default=False,
                ),
            ],
            outputs=[gives(OPTIONS, "options", "For the Autoregressive Sampler.")],
        )

    @classmethod
    def execute(
        cls,
        guided_share: float,
        settles: int,
        warm_start: float,
        resync: int,
        **options: Any,
    ) -> io.NodeOutput:
        """None is what nobody chose: there the MODEL's recommendation holds."""
        chosen = {
            "guided_share": guided_share or None,
            "settles": settles if settles >= 0 else None,
            "warm_start": warm_start or None,
            "resync": resync or None,
        }
        return io.NodeOutput(options | chosen)


NODES = (AutoregressiveSampler, ImagineOptions)


def _sampled(
    asked: Asked,
    *,
    model: Any,
    vae: Any,
    positive: Conditioning,
    negative: Conditioning,
    mesh: MeshPictures,
    seed: int,
    steps: int,
    cfg: float,
    sampler_name: str,
    scheduler: str,
    keep_images: bool,
    show_size: int,
    show_label: bool,
    sigmas: Tensor | None = None,
    options: dict[str, Any] | None = None,
    noise: Any = None,
    sampler: Any = None,
    **given: Any,
) -> tuple[Any, ...]:
    steps = steps if sigmas is None else len(sigmas) - 1
    config = recommended_of(model).config(
        seed=seed if noise is None else noise.seed,
        num_steps=steps,
        first_guidance=cfg,
        **(options or {}),
    )
    shown = shown_as(model, show_size, show_label)
    clip = Clip(mesh=mesh, keep_images=keep_images, shown=shown, noise=noise, **given)
    progress = Progress(model, len(mesh) * steps)
    host = ComfyHost(
        model,
        vae,
        positive,
        negative,
        num_frames=len(mesh),
        sampling=Sampling(
            sampler_name=sampler_name, scheduler=scheduler, sampler=sampler, sigmas=sigmas
        ),
        adapters=clip.adapters,
        matte=clip.core_matte,
        background=clip.core_background,
        on_latent=progress.show,
    )
    return filmed(host, clip, config, progress, asked)
