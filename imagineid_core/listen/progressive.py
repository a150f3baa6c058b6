"""The three stages over a clip of any length: identity, then content, then emotion (Sec. 3.1).

Networks see windows of L = 32 frames, the length they are trained on (Sec. 4.1); neighbouring
windows overlap and are cross-faded. Time is linear in length. Knows nothing about files or weights.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from imagineid_core.errors import InputError
from imagineid_core.listen.content import ContentNet
from imagineid_core.listen.emotion import EmotionNet
from imagineid_core.listen.identity import IdentityNet
from imagineid_core.values import Content, Emotion, Identity

Progress = Callable[[int, int], None]  # frames done, frames in all
Result = TypeVar("Result")


@runtime_checkable
class Frames(Protocol):
    """Rows by frame: a tensor, or `audio.features.MelWindows`, which cuts them when asked."""

    def __len__(self) -> int: ...
    def __getitem__(self, frames: slice, /) -> Tensor: ...


@dataclass(frozen=True, kw_only=True)
class Windowing:
    """How a clip is cut: `length` is the paper's L; `overlap` frames are cross-faded (ours)."""

    length: int = 32
    overlap: int = 8
    batch: int = 16  # windows computed at once; bounds memory, does not change results


PAPER_WINDOWS = Windowing()


def listen_identity(
    net: IdentityNet,
    windows: Frames,
    *,
    windowing: Windowing = PAPER_WINDOWS,
    on_progress: Progress | None = None,
) -> Identity:
    """Eq. 1-2 pooled over the whole clip: theta_id averages frames, alpha-hat averages windows.

    Each window's alpha-hat counts by the frames it contributes, so an overlap is not heard twice.
    """
    plan = _plan(len(windows), windowing)
    shapes, semantics = [], []
    for batch in _batches(plan, windowing.batch):
        weights = torch.stack([span.weights for span in batch])  # [windows, frames]
        shape, features = _run(net.encode, net, [_stack(windows, batch)])
        weights = weights.to(features)
        shapes.append(weights.sum(dim=1) @ shape)
        semantics.append(torch.einsum("wf,wfd->d", weights, features))
        _report(on_progress, batch, plan)
    return Identity(
        shape=(torch.stack(shapes).sum(dim=0) / len(windows))[None],
        semantics=(torch.stack(semantics).sum(dim=0) / len(windows))[None],
    )


def listen_content(
    net: ContentNet,
    windows: Frames,
    shape: Float[Tensor, "batch=1 shape"],
    *,
    windowing: Windowing = PAPER_WINDOWS,
    on_progress: Progress | None = None,
) -> Content:
    """Eq. 4-5: linguistic features of every frame, then the lip expression they decode to."""
    linguistic = over_windows(net.encode, net, [windows], windowing=windowing)
    lip = over_windows(
        net.decode, net, [linguistic], shape, windowing=windowing, on_progress=on_progress
    )
    return Content(linguistic=linguistic[None], lip_expression=lip[None])


def listen_emotion(
    net: EmotionNet,
    windows: Frames,
    content: Content,
    shape: Float[Tensor, "batch=1 shape"],
    *,
    style_frames: int | None = None,
    windowing: Windowing = PAPER_WINDOWS,
    on_progress: Progress | None = None,
) -> Emotion:
    """Eq. 6-7: one style for the clip, or a track that follows it over `style_frames` frames.

    `content` may come from another voice (what A says, how B says it); then the style is that of
    B's whole clip, since a track has B's length.
    """
    features = over_windows(net.encode, net, [windows], windowing=windowing)
    style = (
        features.mean(dim=0, keepdim=True)
        if style_frames is None
        else _smoothed(features, style_frames)
    )
    return emotion_from_style(
        net, style[None], content, shape, windowing=windowing, on_progress=on_progress
    )


def emotion_from_style(
    net: EmotionNet,
    style: Float[Tensor, "batch=1 spans style"],
    content: Content,
    shape: Float[Tensor, "batch=1 shape"],
    *,
    windowing: Windowing = PAPER_WINDOWS,
    on_progress: Progress | None = None,
) -> Emotion:
    """Eq. 7 alone: full expression for a given style, linguistic features and shape."""
    linguistic = content.linguistic[0]
    num_frames, spans = len(linguistic), style.shape[1]
    if spans not in (1, num_frames):
        raise InputError(
            f"style has {spans} rows but the content has {num_frames} frames. "
            "Use one style for the clip, or a style track of the same clip."
        )
    if linguistic.shape[-1] != style.shape[-1]:
        raise InputError(
            f"style is {style.shape[-1]} wide but linguistic features are {linguistic.shape[-1]}. "
            "Use content and emotion weights of one size."
        )
    expression = over_windows(
        lambda linguistic, style, shape: net.decode(style, linguistic, shape),
        net,
        [linguistic, style[0].expand(num_frames, -1)],
        shape,
        windowing=windowing,
        on_progress=on_progress,
    )
    return Emotion(style=style, expression=expression[None])


def over_windows(
    function: Callable[..., Tensor],
    net: nn.Module,
    sequences: Sequence[Frames],
    *conditions: Float[Tensor, "batch=1 _"],
    windowing: Windowing,
    on_progress: Progress | None = None,
) -> Float[Tensor, "frames dim"]:
    """Apply `function` to windows of the sequences and cross-fade what comes out.

    `conditions` go to every window alike. Frames that one window alone covers are exactly its own.
    """
    plan = _plan(len(sequences[0]), windowing)
    joined: Tensor | None = None
    for batch in _batches(plan, windowing.batch):
        stacked = [_stack(sequence, batch) for sequence in sequences]
        repeated = [condition.expand(len(batch), -1) for condition in conditions]
        outputs = _run(function, net, [*stacked, *repeated])
        if joined is None:
            joined = outputs.new_zeros(len(sequences[0]), outputs.shape[-1])
        for span, output in zip(batch, outputs, strict=True):
            joined[span.start : span.stop] += span.weights[:, None].to(output) * output
        _report(on_progress, batch, plan)
    assert joined is not None
    return joined


@dataclass(frozen=True, kw_only=True)
class _Span:
    start: int
    stop: int
    weights: Float[Tensor, " frames"]  # share in each of its frames; shares add up to 1


def _plan(num_frames: int, windowing: Windowing) -> list[_Span]:
    """Window starts a constant hop apart; the last one is moved back to end with the clip."""
    length, overlap, batch = windowing.length, windowing.overlap, windowing.batch
    if num_frames < 1:
        raise InputError("There are 0 frames to listen to. Use a clip of at least one frame.")
    if length < 1 or batch < 1:
        raise InputError(f"length is {length} and batch {batch} but both must be at least 1.")
    if not 0 <= overlap < length:
        raise InputError(f"overlap is {overlap} but must lie in 0 ... {length - 1} frames.")
    last = max(0, num_frames - length)
    starts = [*range(0, last, length - overlap), last]
    stops = [min(start + length, num_frames) for start in starts]
    ramps = [
        _ramp(stop - start, overlap, fade_in=start > 0, fade_out=stop < num_frames)
        for start, stop in zip(starts, stops, strict=True)
    ]
    total = torch.zeros(num_frames, dtype=torch.float64)
    for start, stop, ramp in zip(starts, stops, ramps, strict=True):
        total[start:stop] += ramp
    return [
        _Span(start=start, stop=stop, weights=(ramp / total[start:stop]).float())
        for start, stop, ramp in zip(starts, stops, ramps, strict=True)
    ]


def _ramp(length: int, overlap: int, *, fade_in: bool, fade_out: bool) -> Tensor:
    """1 in the middle, rising and falling over `overlap` frames where a neighbour takes over."""
    rising = (torch.arange(length, dtype=torch.float64) + 1).div(overlap + 1).clamp(max=1.0)
    ramp = torch.ones(length, dtype=torch.float64)
    if fade_in:
        ramp = torch.minimum(ramp, rising)
    if fade_out:
        ramp = torch.minimum(ramp, rising.flip(0))
    return ramp


def _batches(plan: list[_Span], size: int) -> list[list[_Span]]:
    return [plan[first : first + size] for first in range(0, len(plan), size)]


def _stack(sequence: Frames, batch: list[_Span]) -> Tensor:
    return torch.stack([sequence[span.start : span.stop] for span in batch])


def _run(function: Callable[..., Result], net: nn.Module, inputs: list[Tensor]) -> Result:
    weight = next(net.parameters())
    with torch.no_grad():
        return function(*(tensor.to(weight.device, weight.dtype) for tensor in inputs))


def _smoothed(features: Float[Tensor, "frames dim"], span: int) -> Float[Tensor, "frames dim"]:
    """Mean over a Hann-shaped neighbourhood of `span` frames, shorter at the clip's ends."""
    if span < 1:
        raise InputError(f"style_frames is {span} but must be at least 1. Use None for the clip.")
    half = min(span, len(features)) // 2
    kernel = torch.hann_window(2 * half + 3, periodic=False)[1:-1].to(features)
    columns = features.T[:, None]  # [dim, 1, frames]
    summed = torch.nn.functional.conv1d(columns, kernel[None, None], padding=half)
    shares = torch.nn.functional.conv1d(
        torch.ones_like(columns[:1]), kernel[None, None], padding=half
    )
    return (summed / shares)[:, 0].T


def _report(on_progress: Progress | None, batch: list[_Span], plan: list[_Span]) -> None:
    if on_progress is not None:
        on_progress(batch[-1].stop, plan[-1].stop)
