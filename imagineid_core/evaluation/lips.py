"""How well lips follow: openings of two mouths compared, and one mouth compared with its sound.

Openings are read off the mesh (Sec. 4.1 measures lips there, too), in dm. Knows nothing about
networks, corpora or pictures.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.audio.timeline import first_sample
from imagineid_core.corpus.clip import Phoneme
from imagineid_core.face.geometry import vertices_from
from imagineid_core.face.open_face import lip_gap
from imagineid_core.values import SAMPLE_RATE, FaceBasis, FaceCoefficients, Performance, Speech

CLOSURES = frozenset({"p", "b", "m", "m-"})  # sounds that shut the lips; m- is espeak's syllabic m
CLOSED = 0.25  # of the clip's mean opening
SEARCHED = 10  # frames to either side in which the peak of the cross-correlation is looked for
SILENT_DB = -40.0  # of the clip's loudest frame; quieter frames are silence

Openings = Float[np.ndarray, " frames"]


def lip_gaps(
    shape: Float[Tensor, " shape"],
    expression: Float[Tensor, "frames expression"],
    basis: FaceBasis,
) -> Openings:
    """Height of the mouth's opening in each frame, in dm, on the face that `shape` gives."""
    part = landmark_part(basis)
    return lip_gap(vertices_from(coefficients_on(part, shape, expression), part), part).numpy()


def landmark_part(basis: FaceBasis) -> FaceBasis:
    """The 68 landmarks alone, without triangles: a thousand times faster to deform."""
    used = basis.landmarks
    return replace(
        basis,
        mean_vertices=basis.mean_vertices[used],
        shape_basis=basis.shape_basis[used],
        expression_basis=basis.expression_basis[used],
        mean_albedo=basis.mean_albedo[used],
        texture_basis=basis.texture_basis[used],
        triangles=basis.triangles[:0],
        landmarks=torch.arange(len(used)),
        mouth=basis.mouth[used],
        eyes=basis.eyes[used],
        front=basis.front[used],
    )


def coefficients_on(
    basis: FaceBasis, shape: Float[Tensor, " shape"], expression: Float[Tensor, "frames expression"]
) -> FaceCoefficients:
    """One face in many frames, unlit and unposed: for measuring, not for looking."""
    num_frames = len(expression)
    return FaceCoefficients(
        shape=shape.float().expand(num_frames, -1),
        expression=expression.float(),
        texture=torch.zeros(num_frames, basis.texture_basis.shape[-1]),
        lighting=torch.zeros(num_frames, 27),
        pose=torch.zeros(num_frames, 6),
    )


def correlation(one: Float[np.ndarray, " n"], other: Float[np.ndarray, " n"]) -> float:
    """Pearson's r; 0 where one of the two does not move, for then it follows nothing."""
    one, other = (np.asarray(values, np.float64) for values in (one, other))
    one, other = one - one.mean(), other - other.mean()
    norm = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / norm if norm > 1e-12 else 0.0


def closures_hit(
    gaps: Openings, phonemes: Sequence[Phoneme], frames_per_second: float
) -> tuple[int, int]:
    """How many p, b and m the lips shut for, and how many there are.

    Shut: in one of the frames that the sound touches the gap is below a quarter of the clip's mean.
    """
    limit, hit, total = CLOSED * float(np.mean(gaps)), 0, 0
    for phoneme in phonemes:
        if phoneme.symbol not in CLOSURES:
            continue
        first = int(np.floor(phoneme.start * frames_per_second + 1e-6))
        stop = int(np.ceil(phoneme.end * frames_per_second - 1e-6))
        touched = gaps[first : max(stop, first + 1)]
        if len(touched):
            total += 1
            hit += bool(touched.min() < limit)
    return hit, total


def offset_of(heard: Openings, truth: Openings, searched: int = SEARCHED) -> int | None:
    """Frames by which `heard` comes late (positive) or early: the peak of the cross-correlation.

    Only what overlaps is compared, at least half of the clip. None if one of the two stands still.
    """
    searched = min(searched, len(truth) // 2)
    lags = sorted(range(-searched, searched + 1), key=lambda lag: (abs(lag), lag))
    best, found = None, 0.0
    for lag in lags:
        late, early = heard[max(lag, 0) :], truth[max(-lag, 0) :]
        count = min(len(late), len(early))
        value = correlation(late[:count], early[:count]) if count > 1 else 0.0
        if value > found + 1e-9:
            best, found = lag, value
    return best


def envelope(speech: Speech) -> Float[np.ndarray, " frames"]:
    """Level of each video frame in dB of the clip's loudest one, no lower than -40: silence."""
    sound = speech.waveform.double().numpy()
    edges = [first_sample(frame, SAMPLE_RATE, speech.fps) for frame in range(speech.num_frames + 1)]
    power = np.array([np.mean(sound[i:j] ** 2) for i, j in zip(edges, edges[1:], strict=False)])
    if power.max() <= 0:
        return np.full(len(power), SILENT_DB)
    return np.maximum(10 * np.log10(power / power.max() + 1e-12), SILENT_DB)


def follows(gaps: Openings, speech: Speech) -> float:
    """Correlation of a mouth's opening with the speech envelope, frame by frame.

    Higher is better, but never 1: vowels of one loudness differ in opening, and loud fricatives
    are spoken through shut teeth. 0 for silence.
    """
    return correlation(gaps, envelope(speech))


def envelope_correlation(performance: Performance, speech: Speech, basis: FaceBasis) -> float:
    """`follows` of a performance: for speech whose true lips nobody knows."""
    return follows(gaps_of(performance, basis), speech)


def silence_openness(performance: Performance, speech: Speech, basis: FaceBasis) -> float | None:
    """Mean opening in silence over mean opening in speech: 0 shut ... 1 silence is not seen.

    Without the frames of silence beside speech, in which lips still move. None if the clip has no
    silence, no speech, or lips that never open.
    """
    gaps, silent = gaps_of(performance, basis), envelope(speech) <= SILENT_DB
    padded = np.pad(silent, 1, mode="edge")
    resting = silent & padded[:-2] & padded[2:]
    spoken = gaps[~silent]
    if not resting.any() or not len(spoken) or spoken.mean() <= 0:
        return None
    return float(gaps[resting].mean() / spoken.mean())


def gaps_of(performance: Performance, basis: FaceBasis) -> Openings:
    """Openings of a performance; a face nobody told anything about is the mean face."""
    shape = performance.shape
    if shape is None:
        shape = torch.zeros(basis.shape_basis.shape[-1])
    return lip_gaps(shape, performance.expression, basis)
