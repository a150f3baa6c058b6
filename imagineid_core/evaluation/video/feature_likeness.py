"""Features of a face against those of the true one: CSIM, Table 1's cosines, and EACC both ways.

Whose features they are is the caller's choice: the papers use ArcFace (CSIM), D3DFR's shape,
FairFace and FAN (Table 1). They are compared as vectors and never read as labels of a person.
Knows nothing about pictures or networks.
"""

import numpy as np
from jaxtyping import Float

Features = Float[np.ndarray, "frames dim"]  # a row of NaN where no face was found
Probabilities = Float[np.ndarray, "frames classes"]


def cosine_to(
    features: Features, source: Float[np.ndarray, " dim"]
) -> Float[np.ndarray, " frames"]:
    """CSIM: cosine of each frame to one source picture; -1 ... 1, higher is better."""
    return cosines(features, np.broadcast_to(source, features.shape))


def cosines(features: Features, truth: Features) -> Float[np.ndarray, " frames"]:
    """Shape, Age, Gender and Emotion of Table 1, frame by frame; -1 ... 1, higher is better.

    NaN where either has no face.
    """
    norms = np.linalg.norm(features, axis=1) * np.linalg.norm(truth, axis=1)
    return (features * truth).sum(axis=1) / np.maximum(norms, 1e-12)


def emotion_accuracy(
    probabilities: Probabilities, truth: Probabilities | int
) -> Float[np.ndarray, " frames"]:
    """EACC as a classifier's accuracy: 1 where the likeliest class is the true one; higher better.

    `truth`: the class the clip was spoken in, or the classifier's probabilities of the true frames.
    """
    wanted = truth if isinstance(truth, int) else truth.argmax(axis=1)
    hit = (probabilities.argmax(axis=1) == wanted).astype(np.float64)
    missing = ~np.isfinite(probabilities).all(axis=1)
    if not isinstance(truth, int):
        missing |= ~np.isfinite(truth).all(axis=1)
    return np.where(missing, np.nan, hit)


def emotion_distance(
    probabilities: Probabilities, truth: Probabilities
) -> Float[np.ndarray, " frames"]:
    """EACC as a distance: L2 between two probability vectors, 0 ... sqrt 2; lower is better.

    The paper calls EACC an accuracy, prints it with a downward arrow and values of 0.090 to 0.129,
    and defines it nowhere; so both readings are given.
    """
    return np.linalg.norm(probabilities - truth, axis=1)


def mean_of_found(values: Float[np.ndarray, " frames"]) -> tuple[float, int]:
    """Mean over frames with a value, and how many they are; NaN of none."""
    found = values[np.isfinite(values)]
    return (float(found.mean()) if len(found) else np.nan), len(found)
