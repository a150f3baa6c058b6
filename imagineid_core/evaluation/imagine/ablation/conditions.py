"""What SCA is shown, and whether the UNet may learn along with it (Fig. 9).

Knows nothing about words or backgrounds.
"""

from dataclasses import replace

from imagineid_core.bench.count import full_size_parameters
from imagineid_core.evaluation.imagine.ablation.held_frames import (
    Given,
    HeldFrame,
    coherent_frame,
    first_frame,
    held_frames,
    host_with,
    likeness,
    opened,
)
from imagineid_core.evaluation.imagine.ablation.sheet import Pictures
from imagineid_core.evaluation.imagine.ablation.table import Claim, Rows, lower
from imagineid_core.evaluation.imagine.ablation.trials import Trials, num_learned
from imagineid_core.imagine.host import Image
from imagineid_core.training.joint_stages import OpenUnetStage
from imagineid_core.training.train_adapters import frozen, new_spatial

VARIANTS = {
    "I_rd": (),
    "I_rd + I_ad": ("previous",),
    "I_rd + I_id": ("identity",),
    "all": ("identity", "previous"),
}
_FIGURES = ("coherent", "wrong_mesh_penalty")
_SHOWN = ("coherent", "diverse", "none", "wrong_mesh_penalty")

CONDITION_CLAIMS = (
    lower("I_rd tackles the misalignment", "coherent", "I_rd", "text alone"),
    *(
        lower(f"all three are better than {name}", "coherent", "all", name)
        for name in VARIANTS
        if name != "all"
    ),
    lower("I_rd + I_ad has artifacts in the mouth", "mouth_psnr", "I_rd + I_ad", "all"),
)

OPEN_UNET_CLAIMS = (
    Claim(
        says="opening the UNet brings no significant benefit (a tenth of what SCA brings)",
        smaller=lambda rows: rows["frozen"]["coherent"] - rows["opened"]["coherent"],
        larger=lambda rows: (rows["frozen"]["none"] - rows["frozen"]["coherent"]) / 10,
    ),
    lower("it takes more weights to train, at full size", "full_size", "frozen", "opened"),
)


def run_conditions(trials: Trials) -> tuple[Rows, dict[str, Pictures]]:
    sources, held = trials.sources, held_frames(trials)
    rows: dict[str, dict[str, float]] = {}
    images: dict[str, list[Image]] = {}
    none = 0.0
    for variant, conditions in VARIANTS.items():
        seen = sources.changed(spatial=replace(sources.preset.spatial, conditions=conditions))
        stage = trials.spatial_stage(seen)
        figures = trials.trained(
            "conditions",
            variant.replace(" ", ""),
            stage,
            seen.preset.spatial_loop,
            seen.spatial_batches(trials.conditions),
        )
        images[variant] = [
            _coherent(trials, one, Given(adapter=stage.learned, conditions=conditions))
            for one in held
        ]
        none = figures["none"]  # of the frozen model, so the same in all
        rows[variant] = {name: figures[name] for name in _FIGURES}
    alone = [_coherent(trials, one, None) for one in held]
    copied = [one.identity for one in held]
    rows = {"text alone": {"coherent": none, "wrong_mesh_penalty": 0.0}, **rows}
    images = {"text alone": alone, **images}
    rows = {name: rows[name] | likeness(images[name], held) for name in rows}
    rows["I_id copied"] = likeness(copied, held)
    return rows, {**_given(held), **images}


def run_open_unet(trials: Trials) -> tuple[Rows, dict[str, Pictures]]:
    sources, held = trials.sources, held_frames(trials)
    preset, model, count = sources.preset, sources.model, full_size_parameters()
    stages = {
        "frozen": trials.spatial_stage(sources),
        "opened": OpenUnetStage(
            new_spatial(sources), **frozen(model), coherent_share=preset.spatial.coherent
        ),
    }
    full_size = {"frozen": count["sca"], "opened": count["sca"] + count["unet"]}
    rows, coherent, alone = {}, {}, {}
    for variant, stage in stages.items():
        learned = num_learned(stage.learned)
        figures = trials.trained(
            "open_unet",
            variant,
            stage,
            preset.spatial_loop,
            sources.spatial_batches(trials.conditions),
        )
        used = opened(model, stage.learned.unet) if variant == "opened" else model
        adapter = Given(adapter=stage.learned)
        coherent[variant] = [
            coherent_frame(host_with(used, one.prompt, spatial=adapter), one, trials.sampler)
            for one in held
        ]
        alone[f"{variant}, text alone"] = [
            first_frame(host_with(used, one.prompt), one.meshes[2], trials.sampler) for one in held
        ]
        rows[variant] = {name: figures[name] for name in _SHOWN}
        rows[variant] |= likeness(coherent[variant], held)
        rows[variant] |= {"trainable": learned, "full_size": full_size[variant]}
    rows["I_id copied"] = likeness([one.identity for one in held], held)
    return rows, {**_given(held), **coherent, **alone}


def _coherent(trials: Trials, held: HeldFrame, adapter: Given | None) -> Image:
    host = host_with(trials.sources.model, held.prompt, spatial=adapter)
    return coherent_frame(host, held, trials.sampler)


def _given(held: list[HeldFrame]) -> dict[str, Pictures]:
    return {
        "mesh": [one.meshes[2].colour for one in held],
        "I_id": [one.identity for one in held],
        "truth": [one.truth for one in held],
    }
