"""Everything a training of the mini latent diffusion model needs, as presets.

Lengths and rates of `mini` are those of a run that worked, made longer. Knows no corpus, no file.
"""

import dataclasses
from dataclasses import dataclass, field

from imagineid_core.corpus.people.prompts import PromptConfig
from imagineid_core.imagine.mini_suite import MiniSuiteConfig
from imagineid_core.training.loop import LoopConfig
from imagineid_core.training.picture_batches import PictureBatchConfig
from imagineid_core.training.vae_stage import VaeLossConfig


@dataclass(frozen=True, kw_only=True)
class ImaginePreset:
    """One `LoopConfig` a stage, in the order in which they run; sizes and losses beside them.

    `people` and `size` are those of the corpus that is made if none is given.
    """

    name: str
    vae_loop: LoopConfig
    fine_loop: LoopConfig  # the autoencoder again, with an eye to eyes and mouth
    finer_loop: LoopConfig  # and once more
    caption_loop: LoopConfig
    diffusion_loop: LoopConfig
    fine_diffusion_loop: LoopConfig  # with more weight on eyes and mouth
    finer_diffusion_loop: LoopConfig | None = None  # and with more still; None: not at all
    suite: MiniSuiteConfig = field(default_factory=MiniSuiteConfig)
    people: int = 3_600
    frames: int = 3
    pictures: PictureBatchConfig = field(default_factory=PictureBatchConfig)
    fine_pictures: PictureBatchConfig = field(
        default_factory=lambda: PictureBatchConfig(region_weight=4.0)
    )
    finer_pictures: PictureBatchConfig = field(
        default_factory=lambda: PictureBatchConfig(region_weight=6.0)
    )
    vae_loss: VaeLossConfig = field(default_factory=VaeLossConfig)
    prompts: PromptConfig = field(default_factory=PromptConfig)
    caption_batch_size: int = 64
    diffusion_batch_size: int = 32
    region_weight: float = 4.0  # of eyes and mouth, in the fine stage of diffusion
    finer_region_weight: float = 8.0  # and in the finer one
    finer_head_weight: float = 1.0  # of the head with its hair there
    finer_in_the_middle: bool = True  # mostly at the noise levels at which details are decided
    caption_dropout: float = 0.1
    mirrored: bool = True  # train on mirrored portraits too
    is_gated: bool = True  # no diffusion on an autoencoder that misses its gate


def mini() -> ImaginePreset:
    """31k pictures for the autoencoder, 115k latents for the UNet.

    In full precision: bf16 is ten times slower on a CPU that does not know it.
    """
    vae = LoopConfig(
        num_steps=2_000,
        optimizer="muon",
        learning_rate=3e-3,
        warmup_steps=30,
        final_fraction=0.02,
        weight_decay=1e-4,
        average_decay=0.995,
        log_every=25,
        validate_every=250,
        num_validation_batches=12,
        checkpoint_every=100,
    )
    diffusion = dataclasses.replace(
        vae,
        num_steps=2_400,
        learning_rate=2e-3,
        final_fraction=0.03,
        weight_decay=0.01,
        validate_every=200,
        num_validation_batches=10,
        checkpoint_every=50,
    )
    return ImaginePreset(
        name="mini",
        vae_loop=vae,
        fine_loop=dataclasses.replace(vae, num_steps=1_000, learning_rate=1.5e-3),
        finer_loop=dataclasses.replace(vae, num_steps=900, learning_rate=1.2e-3),
        caption_loop=LoopConfig(
            num_steps=400,
            learning_rate=1e-3,
            warmup_steps=20,
            average_decay=0.98,
            log_every=25,
            validate_every=100,
            num_validation_batches=8,
            checkpoint_every=100,
        ),
        diffusion_loop=diffusion,
        fine_diffusion_loop=dataclasses.replace(diffusion, num_steps=1_200, learning_rate=1.2e-3),
    )


def mini_longer() -> ImaginePreset:
    """`mini`, whose UNet learns on for another 115k latents."""
    return _learning_on(mini(), "mini_longer", num_steps=3_600)


def mini_heads() -> ImaginePreset:
    """`mini_longer`, for a UNet that draws faces already: hair counts too, at all noise levels."""
    weighed = dataclasses.replace(mini(), finer_head_weight=3.0, finer_in_the_middle=False)
    return _learning_on(weighed, "mini_heads", num_steps=2_000)


def smoke() -> ImaginePreset:
    """Under a minute on one core, every loss falls; good for nothing else."""
    loop = LoopConfig(
        num_steps=40,
        optimizer="muon",
        learning_rate=3e-3,
        warmup_steps=4,
        average_decay=0.9,
        log_every=5,
        validate_every=20,
        num_validation_batches=2,
        checkpoint_every=20,
    )
    return ImaginePreset(
        name="smoke",
        vae_loop=loop,
        fine_loop=dataclasses.replace(loop, num_steps=10, validate_every=5, checkpoint_every=5),
        finer_loop=dataclasses.replace(loop, num_steps=10, validate_every=5, checkpoint_every=5),
        caption_loop=dataclasses.replace(loop, optimizer="adamw"),
        diffusion_loop=loop,
        fine_diffusion_loop=dataclasses.replace(
            loop, num_steps=10, validate_every=5, checkpoint_every=5
        ),
        finer_diffusion_loop=dataclasses.replace(
            loop, num_steps=10, validate_every=5, checkpoint_every=5
        ),
        suite=MiniSuiteConfig(
            size=32,
            vae_channels=(8, 8, 8, 16),
            vae_norm_groups=4,
            text_width=16,
            text_layers=1,
            text_heads=2,
            unet_channels=(8, 8, 16, 16),
            unet_layers=1,
            unet_heads=2,
            unet_norm_groups=4,
        ),
        people=12,
        frames=2,
        pictures=PictureBatchConfig(batch_size=4),
        fine_pictures=PictureBatchConfig(batch_size=4, region_weight=4.0),
        finer_pictures=PictureBatchConfig(batch_size=4, region_weight=6.0),
        caption_batch_size=8,
        diffusion_batch_size=8,
        mirrored=False,
        is_gated=False,
    )


def _learning_on(preset: ImaginePreset, name: str, *, num_steps: int) -> ImaginePreset:
    loop = dataclasses.replace(preset.diffusion_loop, num_steps=num_steps, learning_rate=1e-3)
    return dataclasses.replace(preset, name=name, finer_diffusion_loop=loop)


PRESETS = {"mini": mini, "mini_longer": mini_longer, "mini_heads": mini_heads, "smoke": smoke}
