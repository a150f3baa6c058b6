"""`imagineid` with a smoke preset of two steps a stage on twelve voices: for what launches it."""

import dataclasses
import sys

from imagineid_core.cli import main, train
from imagineid_core.training import presets
from imagineid_core.training.train_listen import STAGES


def short_smoke() -> presets.ListenPreset:
    preset = presets.smoke()
    loops = {
        f"{stage}_loop": dataclasses.replace(getattr(preset, f"{stage}_loop"), num_steps=2)
        for stage in STAGES
    }
    return dataclasses.replace(preset, lip_reader_pool=16, **loops)


if __name__ == "__main__":
    presets.PRESETS["smoke"] = short_smoke
    train._OWN_CORPUS["smoke"] = (12, 2)
    sys.exit(main(sys.argv[1:]))
