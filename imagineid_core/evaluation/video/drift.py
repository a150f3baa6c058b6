"""Does a person stay who they are? Identity, colour and sharpness against the first frame.

An autoregressive film (Alg. 1) feeds on itself, so errors may add up: each curve has one value a
frame, and a drift is what the last second adds to the first. Knows nothing about networks.
"""

import numpy as np
from jaxtyping import Float

Curve = Float[np.ndarray, " frames"]


def identity_curve(features: Float[np.ndarray, "frames dim"]) -> Curve:
    """1 - cosine to the first frame with a face; 0 ... 2, lower is better, NaN without a face."""
    found = np.flatnonzero(np.isfinite(features).all(axis=1))
    if not len(found):
        return np.full(len(features), np.nan)
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    return 1 - unit @ unit[found[0]]


def colour_curve(means: Float[np.ndarray, "frames rgb=3"]) -> Curve:
    """Distance of a frame's mean colour to the first frame's, in levels of 255; lower is better."""
    return np.linalg.norm(means - means[0], axis=1)


def sharpness_curve(sharpness: Curve) -> Curve:
    """Laplacian variance over the first frame's; 1 is as sharp as it began, no unit."""
    return sharpness / sharpness[0] if sharpness[0] > 0 else np.full(len(sharpness), np.nan)


def drift(curve: Curve, fps: float) -> float:
    """Mean of the last second minus mean of the first, in the curve's unit.

    NaN for clips below two seconds, whose first and last second overlap, and without values there.
    """
    second = round(fps)
    if len(curve) < 2 * second:
        return np.nan
    first, last = curve[:second], curve[-second:]
    if not (np.isfinite(first).any() and np.isfinite(last).any()):
        return np.nan
    return float(np.nanmean(last) - np.nanmean(first))
