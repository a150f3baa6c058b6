"""`imagineid evaluate ablation`: the paper's ablations, short; the same command goes on."""

import argparse
from typing import Any

from imagineid_core.cli.progress import stage_bars
from imagineid_core.cli.train_adapters import PRESETS, voices_from

NAMES = ("conditions", "blending", "words", "joint", "raw_audio", "open_unet")


def add_ablation(what: Any) -> None:
    ablation = what.add_parser("ablation", help="variants of the adapters, trained alike")
    ablation.add_argument("name", choices=(*NAMES, "all"), help="which, or all of them")
    ablation.add_argument("--model", metavar="DIR", required=True, help="a diffusers folder")
    ablation.add_argument("--corpus", metavar="DIR", required=True, help="a people corpus")
    ablation.add_argument("--pad", metavar="DIR", help="trained PAD, for words, joint, raw_audio")
    ablation.add_argument("--talkers", metavar="DIR", help="a talker corpus, for the same")
    ablation.add_argument("--out", metavar="DIR", required=True, help="tables and pictures")
    ablation.add_argument("--preset", choices=PRESETS, default="mini", help="sizes, rates (mini)")
    ablation.add_argument("--steps", type=int, metavar="N", help="a variant (100; 300 of MBA)")
    ablation.add_argument("--pictured", type=int, default=8, metavar="N", help="people drawn (8)")
    ablation.add_argument("--sampler-steps", type=int, default=10, metavar="N", help="(10)")
    ablation.add_argument("--seed", type=int, default=0)
    ablation.add_argument("--cpu", action="store_true", help="leave the GPU alone")
    ablation.set_defaults(run=run_ablation)


def run_ablation(options: argparse.Namespace) -> None:
    from imagineid_core.corpus.people import open_people_corpus
    from imagineid_core.evaluation.imagine.ablation.run import run_ablations
    from imagineid_core.imagine.stable_diffusion import load_stable_diffusion
    from imagineid_core.training.adapter_presets import PRESETS as MAKE

    voices = voices_from(options)
    corpus = open_people_corpus(options.corpus)
    with stage_bars() as bars:
        texts = run_ablations(
            NAMES if options.name == "all" else (options.name,),
            load_stable_diffusion(options.model),
            corpus,
            options.out,
            MAKE[options.preset](),
            voices=voices,
            steps=options.steps,
            num_pictured=options.pictured,
            sampler_steps=options.sampler_steps,
            seed=options.seed,
            cpu=options.cpu,
            on_progress=bars.steps,
        )
    print("\n".join(texts))
