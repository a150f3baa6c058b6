"""TIA and SCA one after the other, or together (Sec. 4.4, training strategy).

Knows nothing about backgrounds.
"""

from dataclasses import replace

import torch

from imagineid_core.corpus.people.pictures import mouth_box_of
from imagineid_core.evaluation.imagine.ablation.held_frames import (
    HeldFrame,
    coherent_frame,
    first_frame,
    host_with,
    likeness,
    spoken,
)
from imagineid_core.evaluation.imagine.ablation.sheet import Pictures
from imagineid_core.evaluation.imagine.ablation.table import Rows, lower
from imagineid_core.evaluation.imagine.ablation.trials import Trials
from imagineid_core.imagine.background import dilate
from imagineid_core.imagine.host import Image, MeshPicture
from imagineid_core.training.adapter_sources import SPLITS
from imagineid_core.training.joint_stages import VoicedStage, WordsAndSpace
from imagineid_core.training.loop import Batches
from imagineid_core.training.spatial_batches import tokens_by
from imagineid_core.training.train_adapters import frozen, new_spatial, new_words
from imagineid_core.training.voiced_frames import (
    VoicedBatches,
    VoicedFrames,
    frames_of,
    voiced_frames,
)
from imagineid_core.training.voiced_people import heard_in
from imagineid_core.training.word_stage import WordStage

_FIGURES = ("others_penalty", "none", "coherent", "wrong_mesh_penalty")

JOINT_CLAIMS = (
    lower(
        "trained jointly, words say less of the voice: semantics come by shortcut",
        *("others_penalty", "joint", "sequential"),
    ),
    lower("and TIA alone serves worse", "none", "sequential", "joint"),
)


def run_joint(trials: Trials) -> tuple[Rows, dict[str, Pictures]]:
    """The same batches, rates and updates of each weight in both; only the order differs."""
    sources, heard = trials.sources, trials.heard
    preset, kept = sources.preset, frozen(sources.model)
    batches = joint_batches(trials)
    widths = (heard.pad.identity.config.width, heard.pad.emotion.config.width)

    words = WordStage(new_words(sources, *widths), **kept)
    trials.trained("joint", "words_first", words, preset.spatial_loop, batches)
    nets = {
        "sequential": WordsAndSpace(words.learned.requires_grad_(False), new_spatial(sources)),
        "joint": WordsAndSpace(new_words(sources, *widths), new_spatial(sources)),
    }
    rows: dict[str, dict[str, float]] = {}
    for variant, net in nets.items():
        stage = VoicedStage(net, **kept, coherent_share=preset.spatial.coherent)
        figures = trials.trained("joint", variant, stage, preset.spatial_loop, batches)
        rows[variant] = {name: figures[name] for name in _FIGURES}
    return _with_pictures(trials, nets, rows)


def joint_batches(trials: Trials) -> list[Batches]:
    """Voices with three frames each, for both to learn from."""
    sources = trials.sources
    preset = sources.preset
    tokens = tokens_by(sources.model.tokenizer, preset.num_words)
    prompts = replace(preset.words.prompts, predefined=preset.prompt)
    made: list[Batches] = []
    for split in SPLITS:
        size = sources.batch_size(split, preset.spatial.batch_size)
        settings = replace(preset.spatial, batch_size=size, prompts=prompts)
        made.append(VoicedBatches(_voiced(trials, split), tokens, settings, **sources.order(split)))
    return made


def _voiced(trials: Trials, split: str) -> VoicedFrames:
    sources, heard = trials.sources, trials.heard
    return voiced_frames(
        sources.encoding(),
        heard.pad,
        heard.corpus,
        sources.talkers(heard, split),
        sources.folder / f"voiced_frames_{split}.safetensors",
        sources.preset.disturbance,
        size=sources.corpus.size,
        seed=sources.seed_of(split),
        made_with=sources.made_with(heard),
        on_progress=sources.told(f"frames {split}"),
    )


@torch.no_grad()
def _with_pictures(
    trials: Trials, nets: dict[str, WordsAndSpace], rows: dict[str, dict[str, float]]
) -> tuple[Rows, dict[str, Pictures]]:
    model, heard = trials.sources.model, trials.heard
    names = trials.sources.talkers(heard, "validation")
    count = min(trials.num_pictured, len(names))
    numbers = [number * len(names) // count for number in range(count)]
    held = [_held(trials, names[number], number) for number in numbers]
    voices = [heard_in(heard.pad, heard.corpus.load(names[number])) for number in numbers]
    alone: dict[str, list[Image]] = {}
    whole: dict[str, list[Image]] = {}
    for variant, net in nets.items():
        words = [net.textual(who[None], how[None, None])[:, 0] for who, how in voices]
        spoken_to = list(zip(held, words, strict=True))
        alone[f"{variant}, words alone"] = [
            first_frame(host_with(model, one.prompt, words=said), one.meshes[2], trials.sampler)
            for one, said in spoken_to
        ]
        whole[variant] = [
            coherent_frame(
                host_with(model, one.prompt, words=said, spatial=net.spatial), one, trials.sampler
            )
            for one, said in spoken_to
        ]
        rows[variant] |= likeness(whole[variant], held)
    rows["I_id copied"] = likeness([one.identity for one in held], held)
    given = {
        "mesh": [one.meshes[2].colour for one in held],
        "I_id": [one.identity for one in held],
        "truth": [one.truth for one in held],
    }
    return rows, {**given, **alone, **whole}


def _held(trials: Trials, name: str, number: int) -> HeldFrame:
    sources = trials.sources
    preset = sources.preset
    clip = trials.heard.corpus.load(name)
    _, portraits = frames_of(clip, sources.seed_of("validation"), number, sources.corpus.size)
    meshes = [one.mesh_frame for one in portraits]
    return HeldFrame(
        identity=portraits[0].image,
        previous=portraits[1].image,
        truth=portraits[2].image,
        meshes=tuple(
            MeshPicture(
                colour=mesh.colour,
                mouth_mask=dilate(mesh.mouth_mask, preset.disturbance.mouth_dilation),
            )
            for mesh in meshes
        ),
        matte=portraits[1].matte,
        mouth_box=mouth_box_of(meshes[2].landmarks, sources.corpus.size).long(),
        prompt=spoken(preset, portraits[0].caption),
    )
