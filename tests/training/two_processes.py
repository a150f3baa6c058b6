"""Run by `accelerate launch`: a few steps of the identity stage, then what came out, as JSON.

It is written when the process ends, so that it can tell whether the processes have parted.

Its negatives are rows of all processes, so the loss is right only if they are gathered.
"""

import atexit
import json
import sys
from pathlib import Path
from typing import Any

from torch import distributed

from imagineid_core.listen.pad import build_pad
from imagineid_core.listen.transformer import ListenConfig
from imagineid_core.training.batches import BatchConfig, WindowBatches
from imagineid_core.training.identity_stage import NEEDS, PAIR_BY, ContrastConfig, IdentityStage
from imagineid_core.training.loop import LoopConfig, train
from imagineid_core.training.mel_augment import augment_mel
from imagineid_core.training.processes import is_first_process, made_together
from imagineid_core.training.recordings import read_recordings
from imagineid_core.training.run_log import curves
from imagineid_core.training.run_state import load_state, saved_states
from tests.training.tiny_corpus import TinyCorpus


def main(folder: Path) -> None:
    result: dict[str, Any] = {}
    atexit.register(tell, folder / "result.json", result)  # after all that is registered later
    # Dropout would draw other numbers in each process.
    net = ListenConfig(
        width=16, hidden_width=32, num_layers=1, num_heads=2, dropout=0.0, shape_dim=6
    )
    stage = IdentityStage(build_pad(net, seed=0).identity, ContrastConfig(temperature=0.2))
    batches = WindowBatches(
        read_recordings(TinyCorpus(), "train"),
        BatchConfig(batch_size=8, num_negatives=5),
        seed=0,
        needs=NEEDS,
        pair_by=PAIR_BY,
        augment=augment_mel,
    )
    config = LoopConfig(num_steps=4, learning_rate=1e-3, log_every=1)
    train(stage, batches, folder, config, validation=batches, cpu=True)
    state = load_state(saved_states(folder)[-1])
    measured = curves(folder)
    made_here: list[int] = []

    def squared(number: int) -> int:
        made_here.append(number)
        return number * number

    result |= {
        "made": made_together(squared, range(5)),
        "made_here": made_here,
        "num_processes": state.setting["num_processes"],
        "losses": [value for _, value in measured["loss"]["train"]],
        "contrasts": [value for _, value in measured["contrast"]["train"]],
        "validations": [value for _, value in measured["loss"]["validation"]],
        "weights": stage.learned.shape_token.tolist(),
        "is_first": is_first_process(),
    }


def tell(path: Path, result: dict[str, Any]) -> None:
    if result.get("is_first"):
        path.write_text(json.dumps({**result, "parted": not distributed.is_initialized()}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
