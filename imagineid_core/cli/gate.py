"""`imagineid gate`: is a part of the mini suite good enough to build on? Exit code 2 if not."""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagineid_core.cli.progress import stage_bars
from imagineid_core.errors import InputError

if TYPE_CHECKING:
    from imagineid_core.evaluation.imagine.gates import Goal


def add_commands(commands: Any) -> None:
    gate = commands.add_parser("gate", help="measure a part of the mini suite against its goals")
    what = gate.add_subparsers(required=True, metavar="WHAT")
    vae = what.add_parser("vae", help="PSNR of portraits and mouths of people never seen")
    captions = what.add_parser("captions", help="do samples show what their captions say?")
    face = what.add_parser("face", help="have samples two eyes alike and a whole mouth?")
    spatial = what.add_parser("spatial", help="do frames follow their mesh beside I_id and I_ad?")
    commands_run = (
        (vae, run_vae), (captions, run_captions), (face, run_face), (spatial, run_spatial),
    )  # fmt: skip
    for one, run in commands_run:
        one.add_argument("--model", required=True, metavar="DIR", help="a diffusers folder")
        one.add_argument("--corpus", required=True, metavar="DIR", help="a people corpus")
        one.add_argument("--out", required=True, metavar="FILE", help="figures as JSON")
        one.set_defaults(run=run)
    vae.add_argument("--people", type=int, default=200, help="people of 'test' (200)")
    for one in (captions, face):
        one.add_argument("--samples", type=int, default=64, help="captions of 'test' (64)")
        one.add_argument("--guidance", type=float, help="guidance scale (the model's own)")
        one.add_argument("--steps", type=int, help="of the sampler (the model's own)")
        one.add_argument("--eta", type=float, help="of DDIM, 1 adds as much noise as DDPM (0)")
    spatial.add_argument("--adapters", required=True, metavar="DIR", help="a folder with SCA")
    spatial.add_argument("--people", type=int, default=120, help="people of 'test' (120)")
    spatial.add_argument("--frames", type=int, default=64, help="frames drawn (64)")
    spatial.add_argument("--steps", type=int, default=20, help="steps of the sampler (20)")
    for one in (captions, face, spatial):
        one.add_argument("--seed", type=int, default=0)
        one.add_argument("--sheet", metavar="FILE", help="write a picture of what was drawn")


def run_vae(options: argparse.Namespace) -> None:
    from imagineid_core.corpus.people import open_people_corpus
    from imagineid_core.evaluation.imagine.vae_gate import measure_vae
    from imagineid_core.imagine.mini_suite import load_vae

    corpus = open_people_corpus(options.corpus)
    with stage_bars() as bars:
        figures = measure_vae(
            load_vae(options.model),
            corpus,
            num_people=options.people,
            on_progress=partial(bars.steps, "people"),
        )
    _tell("vae", figures, options.out)


def run_captions(options: argparse.Namespace) -> None:
    from imagineid_core.evaluation.imagine.caption_gate import measure_captions
    from imagineid_core.evaluation.imagine.caption_probe import (
        CaptionProbeConfig,
        train_caption_probe,
    )

    def train(model: Any, corpus: Any, told: Any) -> Any:
        config = CaptionProbeConfig(seed=options.seed)
        return train_caption_probe(corpus, model.vae, config, on_progress=told)

    figures, images = _judged(options, train, measure_captions)
    _keep_sheet(images, options.sheet)
    _tell("captions", figures, options.out)


def run_face(options: argparse.Namespace) -> None:
    from imagineid_core.evaluation.imagine.face_gate import bordered, measure_faces
    from imagineid_core.evaluation.imagine.face_judge import FaceJudgeConfig, train_face_judge

    def train(model: Any, corpus: Any, told: Any) -> Any:
        config = FaceJudgeConfig(seed=options.seed)
        return train_face_judge(corpus, model.vae, config, on_progress=told)

    figures, samples = _judged(options, train, measure_faces)
    _keep_sheet(bordered(samples.images, samples.is_whole), options.sheet)
    _tell("face", figures, options.out)


def _judged(
    options: argparse.Namespace, train: Callable[..., Any], measure: Callable[..., Any]
) -> Any:
    """What `measure` finds in samples of the model, with the judge that `train` makes."""
    from imagineid_core.corpus.people import open_people_corpus
    from imagineid_core.imagine.stable_diffusion import load_stable_diffusion
    from imagineid_core.imagine.tokenizer import read_vocabulary

    corpus = open_people_corpus(options.corpus)
    model = load_stable_diffusion(options.model)
    vocabulary = read_vocabulary(Path(options.model) / "tokenizer")
    told = model.recommended.config(
        num_steps=options.steps, first_guidance=options.guidance, eta=options.eta
    )
    with stage_bars() as bars:
        return measure(
            model,
            vocabulary,
            train(model, corpus, partial(bars.steps, "judge")),
            corpus,
            num_samples=options.samples,
            num_steps=told.num_steps,
            guidance=told.first_guidance,
            eta=told.eta,
            seed=options.seed,
            on_progress=partial(bars.steps, "sample"),
        )


def run_spatial(options: argparse.Namespace) -> None:
    from imagineid_core.corpus.people import open_people_corpus
    from imagineid_core.evaluation.imagine.spatial_gate import measure_spatial
    from imagineid_core.imagine.adapters import load_adapters
    from imagineid_core.imagine.stable_diffusion import load_stable_diffusion
    from imagineid_core.video.picture import save_picture

    model = load_stable_diffusion(options.model)
    adapters = load_adapters(options.adapters, model)
    if adapters.spatial is None:
        raise InputError(
            f"{options.adapters} has no spatial_condition.safetensors, so there is no SCA to "
            "measure. Give the folder that 'imagineid train adapters' wrote."
        )
    recommended, textual = model.recommended.prompt, adapters.textual
    with stage_bars() as bars:
        figures, frames = measure_spatial(
            model,
            adapters.spatial,
            open_people_corpus(options.corpus),
            prompt=recommended if textual is None else textual.config.prompt,
            num_people=options.people,
            num_frames=options.frames,
            num_steps=options.steps,
            seed=options.seed,
            on_progress=partial(bars.steps, "encode"),
        )
    if options.sheet:
        save_picture(frames.sheet(), options.sheet)
    _tell("spatial", figures, options.out)


def _tell(gate: str, figures: dict[str, float], out: str) -> None:
    """Every figure on stdout and in the file; then an error if the gate is missed."""
    from imagineid_core.evaluation.imagine.gates import GATES, check_gate, gate_document, write_gate

    write_gate(Path(out), gate_document(gate, figures))
    for name, value in figures.items():
        goal = GATES[gate].get(name)
        told = (
            "" if goal is None else f"{_bounds(goal)} {'met' if goal.is_met(value) else 'missed'}"
        )
        print(f"{name:24} {value:8.3f}  {told}")
    check_gate(gate, figures)


def _bounds(goal: "Goal") -> str:
    signs = {"least": ">=", "most": "<="}
    return " ".join(f"{signs[name]} {bound:g}" for name, bound in goal.bounds.items())


def _keep_sheet(images: Any, path: str | None) -> None:
    """Rows of eight."""
    import torch

    from imagineid_core.evaluation.imagine.samples import in_rows
    from imagineid_core.video.picture import save_picture

    if path:
        blank = torch.full_like(images[:1], -1.0).expand(-len(images) % 8, -1, -1, -1)
        save_picture(in_rows(torch.cat([images, blank]).split(8)), path)
