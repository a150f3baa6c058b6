"""The one training loop: any stage, any number of processes, exact to the step when resumed.

Accelerate gives devices, processes and mixed precision; batches are a function of the step, so that
nothing about data has to be saved. Knows nothing about what a stage learns.
"""

import dataclasses
import json
import logging
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from tqdm import tqdm

from imagineid_core.checkpoint import FORMAT_VERSION, fill, read_tensors, write_whole
from imagineid_core.errors import InputError
from imagineid_core.training.average import WeightAverage
from imagineid_core.training.muon import Muon, muon_groups
from imagineid_core.training.optional import training_package
from imagineid_core.training.processes import Share, part_at_exit
from imagineid_core.training.run_log import RunLog, draw_curves
from imagineid_core.training.run_state import (
    RunState,
    check_same_setting,
    load_state,
    random_state,
    save_state,
    saved_states,
    set_random_state,
)
from imagineid_core.training.schedule import SCHEDULES, averaging_decay, learning_rate_factor
from imagineid_core.training.stage import Stage

BEST = "best.safetensors"  # the averaged weights of the network at its best step
_LOG = logging.getLogger(__name__)


@runtime_checkable
class Batch(Protocol):
    def to(self, device: torch.device) -> "Batch": ...


@runtime_checkable
class Batches(Protocol):
    def __call__(self, index: int, share: Share) -> Batch:
        """This process's share of batch `index`; the same for the same index, always."""
        ...


@dataclass(frozen=True, kw_only=True)
class LoopConfig:
    """How long and how to train. Steps are updates of the weights."""

    num_steps: int
    optimizer: str = "adamw"  # or "muon"
    learning_rate: float = 1e-4  # the peak
    schedule: str = "cosine"  # "one_cycle", "constant"
    warmup_steps: int = 0
    final_fraction: float = 0.01  # of the peak, at the last step
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    accumulation: int = 1  # batches a step
    average_decay: float = 0.999  # EMA
    mixed_precision: str = "no"  # "bf16", "fp16"
    seed: int = 0
    log_every: int = 10  # steps
    validate_every: int = 200
    num_validation_batches: int = 4
    checkpoint_every: int = 200
    keep_checkpoints: int = 2
    best_metric: str = "loss"  # of the validation, lower is better

    def __post_init__(self) -> None:
        _one_of("optimizer", self.optimizer, ("adamw", "muon"))
        _one_of("schedule", self.schedule, SCHEDULES)
        _one_of("mixed_precision", self.mixed_precision, ("no", "bf16", "fp16"))
        for name in ("num_steps", "accumulation", "log_every", "validate_every"):
            _at_least_one(name, getattr(self, name))
        for name in ("num_validation_batches", "checkpoint_every", "keep_checkpoints"):
            _at_least_one(name, getattr(self, name))


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What came out. `metrics` and `best_step` are those of the weights `stage.learned` now has."""

    step: int
    is_finished: bool
    best_step: int | None  # None without a validation
    metrics: Mapping[str, float]


def train(
    stage: Stage,
    batches: Batches,
    folder: str | PathLike[str],
    config: LoopConfig,
    *,
    validation: Batches | None = None,
    setting: Mapping[str, Any] | None = None,
    until_step: int | None = None,
    ends_there: bool = False,
    cpu: bool = False,
) -> Trained:
    """Train `stage.learned` in `folder`, going on from the last checkpoint there, if any.

    At the end `stage.learned` holds its averaged weights: those of the best validation, or the last
    ones without a `validation`. `setting` is what else must be the same for a resume to be exact,
    as plain values (the corpus, the sizes). `until_step` pauses before the end: the next call with
    the same arguments goes on, and the result is the same, bit for bit on a CPU. With `ends_there`
    it is no pause but the end, though the rate has not fallen as far as it was to.
    """
    run = _Run(stage, batches, Path(folder), config, validation, setting or {}, cpu)
    return run.go(until_step, ends_there)


class _Run:
    def __init__(
        self,
        stage: Stage,
        batches: Batches,
        folder: Path,
        config: LoopConfig,
        validation: Batches | None,
        setting: Mapping[str, Any],
        cpu: bool,
    ) -> None:
        accelerate = training_package("accelerate")
        self.accelerator = accelerate.Accelerator(mixed_precision=config.mixed_precision, cpu=cpu)
        part_at_exit()
        self.stage, self.batches, self.validation = stage, batches, validation
        self.folder, self.config = folder, config
        self.share = Share(
            process=self.accelerator.process_index, num_processes=self.accelerator.num_processes
        )
        self.setting = {
            "loop": dataclasses.asdict(config),
            "num_processes": self.share.num_processes,
            "earlier_stages": stage.frozen_digest(),
            **setting,
        }
        torch.manual_seed(config.seed + self.share.process)
        stage.to(self.accelerator.device)
        # Accelerate gives every process the first one's weights; only then are they averaged.
        self.model, self.optimizer = self.accelerator.prepare(stage, _optimizer(stage, config))
        self.average = WeightAverage(stage.learned)
        self.step = 0
        self.best: float | None = None
        self.metrics: dict[str, float] = {}
        self._resume()

    def go(self, until_step: int | None, ends_there: bool) -> Trained:
        last = min(self.config.num_steps, until_step or self.config.num_steps)
        # A run that never reached a checkpoint begins again, so its rows go too.
        log = RunLog(self.folder, after_step=self.step or -1) if self._is_main else None
        bar = tqdm(
            total=self.config.num_steps,
            initial=self.step,
            desc=self.folder.name,
            unit="step",
            disable=not (self._is_main and sys.stderr.isatty()),
        )
        try:
            if self.step == 0:
                self._validate(log)  # the untrained network: where the curves begin
            while self.step < last:
                self._log(log, "train", self._update(), every=self.config.log_every)
                self._validate(log)
                if self._is_due(self.config.checkpoint_every) or self.step == last:
                    self._save()
                bar.update()
        except KeyboardInterrupt:
            _LOG.warning("stopped; %s goes on from its last checkpoint", self.folder)
            raise
        finally:
            bar.close()
            if log is not None:
                log.close()
        return self._finish(self.step >= (last if ends_there else self.config.num_steps))

    def _update(self) -> dict[str, Tensor]:
        """One step: gradients of `accumulation` batches, clipped; then the average follows."""
        config = self.config
        self.stage.train()
        rate = config.learning_rate * learning_rate_factor(
            self.step,
            schedule=config.schedule,
            num_steps=config.num_steps,
            warmup_steps=config.warmup_steps,
            final_fraction=config.final_fraction,
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group.get("rate_share", 1.0)
        sums: dict[str, Tensor] = {}
        for part in range(config.accumulation):
            batch = self._batch(self.batches, self.step * config.accumulation + part)
            is_last = part == config.accumulation - 1
            # Processes exchange gradients once a step, not once a batch.
            with nullcontext() if is_last else self.accelerator.no_sync(self.model):
                terms = self.model(batch)
                self._check_finite(terms)
                self.accelerator.backward(terms["loss"] / config.accumulation)
            for name, value in terms.items():
                share = value.detach().float() / config.accumulation
                sums[name] = sums[name] + share if name in sums else share
        norm = self.accelerator.clip_grad_norm_(self.stage.learned.parameters(), config.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.average.update(averaging_decay(self.step, config.average_decay))
        self.step += 1
        return {**sums, "gradient_norm": norm.detach().float()}

    @torch.no_grad()
    def _validate(self, log: RunLog | None) -> None:
        """The averaged network on the same batches each time; training's random numbers rest."""
        if self.validation is None or not self._is_due(self.config.validate_every):
            return
        config, before = self.config, random_state()
        torch.manual_seed(config.seed + self.share.process)
        self.stage.eval()
        sums: dict[str, Tensor] = {}
        with self.average.applied():
            for index in range(config.num_validation_batches):
                terms = self.model(self._batch(self.validation, index))
                for name, value in terms.items():
                    share = value.float() / config.num_validation_batches
                    sums[name] = sums[name] + share if name in sums else share
            set_random_state(before)
            self.metrics = self._log(log, "validation", sums, every=1)
            self._keep_best()

    def _keep_best(self) -> None:
        if self.config.best_metric not in self.metrics:
            raise InputError(
                f"best_metric is '{self.config.best_metric}' but the validation measures "
                f"{', '.join(sorted(self.metrics))}. Use one of these."
            )
        value = self.metrics[self.config.best_metric]
        if self.best is None or value < self.best:
            self.best = value
            if self._is_main:
                told = {"step": self.step, "metrics": self.metrics}
                _write_weights(self.folder / BEST, self.stage.learned, told)

    def _log(
        self, log: RunLog | None, split: str, terms: Mapping[str, Tensor], *, every: int
    ) -> dict[str, float]:
        """The mean over processes, written by the first; the first step is always told."""
        if self.step != 1 and not self._is_due(every):
            return {}
        means = self.accelerator.reduce(torch.stack(list(terms.values())), reduction="mean")
        metrics = dict(zip(terms, means.tolist(), strict=True))
        if log is not None:
            log.write(self.step, {f"{split}/{name}": value for name, value in metrics.items()})
        return metrics

    def _save(self) -> None:
        random = {key: value.cpu() for key, value in random_state().items()}
        everyone = _of_all_processes(random, self.share.num_processes)
        if self._is_main:
            scaler = self.accelerator.scaler
            state = RunState(
                step=self.step,
                best=self.best,
                setting=self.setting,
                stage=self.stage.moving_state(),
                average=self.average.weights,
                optimizer=self.optimizer.state_dict(),
                scaler=None if scaler is None else scaler.state_dict(),
                random=everyone,
            )
            save_state(self.folder, state, keep=self.config.keep_checkpoints)
        self.accelerator.wait_for_everyone()

    def _resume(self) -> None:
        states = saved_states(self.folder)
        if not states:
            return
        path = states[-1]
        state = load_state(path)
        check_same_setting(path, state.setting, self.setting)
        fill(self.stage, {**self.stage.state_dict(), **state.stage}, source=path.name)
        self.average.load(dict(state.average))
        self.optimizer.load_state_dict(dict(state.optimizer))
        if self.accelerator.scaler is not None and state.scaler is not None:
            self.accelerator.scaler.load_state_dict(dict(state.scaler))
        set_random_state(state.random[self.share.process])
        self.step, self.best = state.step, state.best
        _LOG.info("going on from %s", path)

    def _finish(self, is_finished: bool) -> Trained:
        """The weights to use, and the picture; a paused run leaves the stage as it stands."""
        self.accelerator.wait_for_everyone()  # until the first process has written the best
        told: dict[str, Any] = {"step": None, "metrics": {}}
        if is_finished and self.best is not None:
            metadata, weights = read_tensors(self.folder / BEST)
            fill(self.stage.learned, weights, source=BEST)
            told = json.loads(metadata["validation"])
        elif is_finished:
            averaged = {**self.stage.learned.state_dict(), **self.average.weights}
            fill(self.stage.learned, averaged, source="average")
        self.stage.eval()
        if self._is_main:
            draw_curves(self.folder, self.folder.name)
        return Trained(
            step=self.step,
            is_finished=is_finished,
            best_step=told["step"],
            metrics=told["metrics"],
        )

    def _batch(self, batches: Batches, index: int) -> Batch:
        return batches(index, self.share).to(self.accelerator.device)

    def _is_due(self, every: int) -> bool:
        return self.step % every == 0 or self.step == self.config.num_steps

    @property
    def _is_main(self) -> bool:
        return self.share.process == 0

    def _check_finite(self, terms: Mapping[str, Tensor]) -> None:
        if not bool(torch.isfinite(terms["loss"])):
            told = ", ".join(f"{name} {value.item():.4g}" for name, value in terms.items())
            raise InputError(
                f"the loss of {self.folder.name} is not finite at step {self.step + 1} ({told}). "
                f"Lower learning_rate (now {self.config.learning_rate:g}), or look for NaN in the "
                "corpus; the last checkpoint is kept."
            )


def _optimizer(stage: Stage, config: LoopConfig) -> torch.optim.Optimizer:
    if config.optimizer == "muon":
        groups = _parted(muon_groups(stage.learned), stage)
        return Muon(groups, lr=config.learning_rate, weight_decay=config.weight_decay)
    matrices = [weight for weight in stage.learned.parameters() if weight.ndim >= 2]
    vectors = [weight for weight in stage.learned.parameters() if weight.ndim < 2]
    groups = [
        {"params": matrices, "weight_decay": config.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(_parted(groups, stage), lr=config.learning_rate)


def _parted(groups: list[dict[str, Any]], stage: Stage) -> list[dict[str, Any]]:
    """Groups of one learning rate each, where the stage has parts that are slow."""
    share = {
        id(weight): rate
        for name, rate in stage.slow.items()
        for weight in stage.learned.get_submodule(name).parameters()
    }
    if not share:
        return groups
    parted = []
    for group in groups:
        weights = group["params"]
        for rate in sorted({share.get(id(weight), 1.0) for weight in weights}):
            chosen = [weight for weight in weights if share.get(id(weight), 1.0) == rate]
            parted.append({**group, "params": chosen, "rate_share": rate})
    return parted


def _of_all_processes(
    random: dict[str, Tensor], num_processes: int
) -> tuple[dict[str, Tensor], ...]:
    if num_processes == 1:
        return (random,)
    everyone: list[Any] = [None] * num_processes
    torch.distributed.all_gather_object(everyone, random)
    return tuple(everyone)


def _write_weights(path: Path, module: nn.Module, told: Mapping[str, Any]) -> None:
    from safetensors.torch import save

    copies = {key: value.detach().cpu().clone() for key, value in module.state_dict().items()}
    metadata = {"format_version": FORMAT_VERSION, "validation": json.dumps(told)}
    write_whole(path, save(copies, metadata=metadata))


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"{name} is '{value}' but must be one of {', '.join(choices)}.")


def _at_least_one(name: str, value: int) -> None:
    if value < 1:
        raise InputError(f"{name} is {value} but must be at least 1. Use a larger number.")
