"""`imagineid assets`: the weights that are shipped, checked or replaced by newly trained ones."""

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

from imagineid_core.errors import InputError, WeightsError

# Options that say what a model recommends, and what they are there.
_RECOMMENDED = {
    "prompt": "prompt",
    "steps": "num_steps",
    "guidance": "guidance",
    "guided_share": "guided_share",
    "settles": "settles",
}


def add_commands(commands: Any) -> None:
    assets = commands.add_parser("assets", help="check the shipped weights, or pack new ones")
    what = assets.add_subparsers(required=True, metavar="WHAT")
    check = what.add_parser("check", help="compare every shipped file with the manifest")
    check.set_defaults(run=run_check)
    pack = what.add_parser("pack", help="ship what `imagineid train` wrote")
    pack.add_argument(
        "trained",
        nargs="+",
        metavar="TRAINED_DIR",
        help="folder with the trained files; of 'imagine' the model, then those of its adapters",
    )
    pack.add_argument(
        "--suite", default="listen", choices=("listen", "imagine", "read"), help="(listen)"
    )
    pack.add_argument(
        "--report",
        metavar="JSON",
        help="report.json of `imagineid evaluate` on these files, for the manifest",
    )
    pack.add_argument(
        "--gate",
        action="append",
        default=[],
        metavar="JSON",
        help="figures of `imagineid gate` on these files, any number; a missed one is refused",
    )
    pack.add_argument(
        "--despite-gates", action="store_true", help="ship what missed a gate, and say so"
    )
    pack.add_argument("--prompt", help="predefined prompt of the model ('imagine')")
    pack.add_argument("--steps", type=int, help="steps a frame it is best used with ('imagine')")
    pack.add_argument("--guidance", type=float, help="and the guidance ('imagine')")
    pack.add_argument("--guided-share", type=float, help="and its share of the steps ('imagine')")
    pack.add_argument("--settles", type=int, help="and how often first frames settle ('imagine')")
    pack.set_defaults(run=run_pack)
    for command in (check, pack):
        command.add_argument(
            "--assets", metavar="DIR", help="folder with manifest.json (the package's own)"
        )


def run_check(options: argparse.Namespace) -> None:
    from imagineid_core.assets import LISTEN, check_suite, read_manifest

    folder = _folder(options)
    suites = read_manifest(folder).suites
    for name in suites or [LISTEN]:
        check_suite(name, folder)
        for file, record in suites[name].files.items():
            print(f"{name}/{file}: {record.size} bytes, sha256 {record.sha256}, whole")
        for gate, told in suites[name].gates.items():
            print(f"{name}: gate {gate} {'passed' if told['is_passed'] else 'MISSED'}")
        measured = suites[name].evaluation is not None
        print(f"{name}: {_command(suites[name])}" + ("" if measured else "; not evaluated"))


def run_pack(options: argparse.Namespace) -> None:
    from imagineid_core.assets import IMAGINE, LISTEN, pack_suite
    from imagineid_core.assets.manifest import MANIFEST

    folder, name = _folder(options), options.suite
    also: dict[str, bytes] = {}
    if name == IMAGINE:
        also = _check_imagining(options)
    elif name == LISTEN:
        _check_listening(options)
    else:
        _check_reading(options)
    suite = pack_suite(
        name,
        *options.trained,
        report=options.report,
        gates=options.gate,
        ships_missed=options.despite_gates,
        also=also,
        folder=folder,
    )
    total = sum(record.size for record in suite.files.values())
    print(f"{len(suite.files)} files, {total / 1e6:.2f} MB -> {folder / name}, {folder / MANIFEST}")
    for gate, told in suite.gates.items():
        print(f"gate {gate} {'passed' if told['is_passed'] else 'MISSED'}")
    print(_command(suite))


def _check_listening(options: argparse.Namespace) -> None:
    """What does not belong together is not shipped."""
    from imagineid_core.listen.pad import load_pad
    from imagineid_core.motion.head_pose import find_head_motion

    _check_alone(options, "listening networks are trained together and lie in one")
    load_pad(options.trained[0])
    find_head_motion(options.trained[0])


def _check_reading(options: argparse.Namespace) -> None:
    from imagineid_core.assets.suite import file_name
    from imagineid_core.face.reader import ARCHITECTURE, load_face_reader

    _check_alone(options, "a face reader is one file")
    load_face_reader(Path(options.trained[0]) / file_name(ARCHITECTURE))


def _check_alone(options: argparse.Namespace, told: str) -> None:
    """One folder, and nothing that a model alone has."""
    if len(options.trained) > 1:
        raise InputError(f"{len(options.trained)} folders are given, but {told}. Give that one.")
    for option in _RECOMMENDED:
        if getattr(options, option) is not None:
            raise InputError(
                f"--{option.replace('_', '-')} is given, but the suite '{options.suite}' has none. "
                "Leave it out, or add --suite imagine."
            )


def _check_imagining(options: argparse.Namespace) -> dict[str, bytes]:
    """Refuse adapters of another model or PAD; what the model recommends, for its folder."""
    from imagineid_core.imagine.adapters import find_adapters, load_adapters
    from imagineid_core.imagine.mini_suite import MINI_RECOMMENDED
    from imagineid_core.imagine.recommended import RECOMMENDED, recommended_bytes
    from imagineid_core.imagine.stable_diffusion import load_stable_diffusion

    model_folder = Path(options.trained[0])
    model = load_stable_diffusion(model_folder)
    for place in options.trained:
        if find_adapters(place):
            load_adapters(place, model)  # what has other widths is an error
            for path in find_adapters(place).values():
                _check_origin(path, model)
    told = model.recommended if (model_folder / RECOMMENDED).is_file() else MINI_RECOMMENDED
    chosen = {field: getattr(options, option) for option, field in _RECOMMENDED.items()}
    changed = {name: value for name, value in chosen.items() if value is not None}
    return {RECOMMENDED: recommended_bytes(dataclasses.replace(told, **changed))}


def _check_origin(path: Path, model: Any) -> None:
    """An adapter fits the weights it was trained on, and no others of the same widths.

    MBA never saw the UNet.
    """
    from imagineid_core.assets import LISTEN, check_suite
    from imagineid_core.checkpoint import read_tensors
    from imagineid_core.imagine import mask_blending
    from imagineid_core.listen.pad import load_pad
    from imagineid_core.training.adapter_sources import digest_of

    metadata, _ = read_tensors(path)
    told = json.loads(metadata.get("provenance", "{}"))
    made_for = dict(told.get("model", {}))
    if metadata.get("architecture") == mask_blending.ARCHITECTURE:
        made_for.pop("unet", None)
    for part in sorted(made_for):
        if digest_of(getattr(model, part)) != made_for[part]:
            raise WeightsError(
                f"{path} was trained on another {part} than this model's. Train it on this model, "
                "or pack the model it was trained on."
            )
    if "pad" in told:
        pad = load_pad(check_suite(LISTEN))
        if digest_of(pad.identity, pad.content, pad.emotion) != told["pad"]:
            raise WeightsError(
                f"{path} was trained on another PAD than the shipped one. Train it on that, or "
                "pack its PAD first."
            )


def _folder(options: argparse.Namespace) -> Path:
    from imagineid_core.assets import suite

    return Path(options.assets) if options.assets else suite.SHIPPED


def _command(suite: Any) -> str:
    """What makes the suite again: one command, or those of its parts."""
    return "; ".join(sorted({record.training["command"] for record in suite.files.values()}))
