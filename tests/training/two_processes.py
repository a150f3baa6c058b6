"""Run by `accelerate launch`: a few steps without dropout, then what came out, as JSON."""

import json
import sys
from pathlib import Path

from imagineid_core.training.loop import LoopConfig, train
from imagineid_core.training.run_log import curves
from imagineid_core.training.run_state import load_state, saved_states
from tests.training.lines import LineStage, points


def main(folder: Path) -> None:
    stage = LineStage(dropout=0.0)
    config = LoopConfig(num_steps=4, learning_rate=0.01, log_every=1)
    train(stage, points, folder, config, validation=points, cpu=True)
    state = load_state(saved_states(folder)[-1])
    result = {
        "num_processes": state.setting["num_processes"],
        "losses": [value for _, value in curves(folder)["loss"]["train"]],
        "weights": stage.learned[0].weight.flatten().tolist(),
    }
    (folder / "result.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
