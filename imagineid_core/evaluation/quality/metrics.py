"""The numbers of the regression gate: names, meanings, units, directions, and who measures which.

A part is measured as a whole. Knows nothing about how anything is computed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from imagineid_core.evaluation.metrics import Metric


@dataclass(frozen=True, kw_only=True)
class QualityMetric(Metric):
    part: str  # one of `PARTS`


# What each part is about; the last one draws films, all others are the fast ones.
PARTS: Mapping[str, str] = {
    "autoencoder": "portraits there and back",
    "diffusion": "UNet and text encoder on noisy portraits",
    "spatial": "SCA on noisy portraits",
    "words": "TIA on noisy portraits",
    "blending": "MBA on disturbed portraits",
    "matting": "mattes of portraits",
    "sample": "PAD and head motion on the bundled voice",
    "talkers": "PAD on synthetic voices",
    "films": "short films of the bundled voice, one a seed",
}
FILMS = "films"
FAST = tuple(part for part in PARTS if part != FILMS)

_DB, _R, _RATIO, _LEVELS = "dB", "Pearson's r, -1 ... 1", "ratio", "levels of 255"
_THUMBNAILS = "RMS of 16 x 16 thumbnails"

QUALITY_METRICS: Mapping[str, QualityMetric] = {
    "vae_psnr": QualityMetric(
        meaning="portraits encoded and decoded", unit=_DB, better="higher", part="autoencoder"
    ),
    "vae_mouth_psnr": QualityMetric(
        meaning="the same in the crop round the mouth",
        unit=_DB,
        better="higher",
        part="autoencoder",
    ),
    "velocity_error": QualityMetric(
        meaning="error of v with a portrait's own caption, ten noise levels",
        unit="mean square, 1 knows nothing",
        better="lower",
        part="diffusion",
    ),
    "caption_gap": QualityMetric(
        meaning="what another's caption adds to the error of the noise",
        unit="mean square",
        better="higher",
        part="diffusion",
    ),
    "steered_error": QualityMetric(
        meaning="error of v with SCA, as in coherent frames, over that without it",
        unit=_RATIO,
        better="lower",
        part="spatial",
    ),
    "mesh_alone_error": QualityMetric(
        meaning="error of v with SCA and the mesh alone, as in first frames, over that without it",
        unit=_RATIO,
        better="lower",
        part="spatial",
    ),
    "wrong_mesh_penalty": QualityMetric(
        meaning="what another person's mesh adds to the error of v of coherent frames",
        unit="mean square",
        better="higher",
        part="spatial",
    ),
    "words_error": QualityMetric(
        meaning="error of v with the pseudo-words of the bundled voice over that without them",
        unit=_RATIO,
        better="lower",
        part="words",
    ),
    "place_gain": QualityMetric(
        meaning="PSNR of the place behind disturbed portraits, with MBA minus without it",
        unit=_DB,
        better="higher",
        part="blending",
    ),
    "unanchored_gain": QualityMetric(
        meaning="the same with a plate not anchored to the first frame: MBA's weights alone",
        unit=_DB,
        better="higher",
        part="blending",
    ),
    "person_loss": QualityMetric(
        meaning="PSNR of the person in these portraits, without MBA minus with it",
        unit=_DB,
        better="lower",
        part="blending",
    ),
    "matte_error": QualityMetric(
        meaning="mean distance of mattes of disturbed portraits to the true ones",
        unit="0 ... 1",
        better="lower",
        part="matting",
    ),
    "voice_correlation": QualityMetric(
        meaning="opening of the lips against the loudness of the bundled voice",
        unit=_R,
        better="higher",
        part="sample",
    ),
    "silence_openness": QualityMetric(
        meaning="opening of the lips in its silences over that in its speech",
        unit=_RATIO,
        better="lower",
        part="sample",
    ),
    "head_motion": QualityMetric(
        meaning="standard deviation of the head's angles over that of the motion it learned from",
        unit=_RATIO,
        better="near 1",
        part="sample",
    ),
    "lip_correlation": QualityMetric(
        meaning="opening of the lips against the truth, voices and sentences never heard",
        unit=_R,
        better="higher",
        part="talkers",
    ),
    "expression_error": QualityMetric(
        meaning="squared error of beta-hat over that of a face at rest",
        unit=_RATIO,
        better="lower",
        part="talkers",
    ),
    "shape_cosine": QualityMetric(
        meaning="cosine of alpha-hat and alpha", unit="-1 ... 1", better="higher", part="talkers"
    ),
    "mouth_follows": QualityMetric(
        meaning="opening of the mouth in coherent frames, as the face reader sees it, against that "
        "of their meshes",
        unit=_R,
        better="higher",
        part=FILMS,
    ),
    "face_follows": QualityMetric(
        meaning="distance of the landmarks seen in coherent frames to those of their meshes",
        unit="share of the distance between the eyes",
        better="lower",
        part=FILMS,
    ),
    "background_psnr": QualityMetric(
        meaning="place of frame 1 against that of frame i, with MBA",
        unit=_DB,
        better="higher",
        part=FILMS,
    ),
    "background_gain": QualityMetric(
        meaning="background_psnr minus that of the same latents decoded without MBA",
        unit=_DB,
        better="higher",
        part=FILMS,
    ),
    "first_jump": QualityMetric(
        meaning="change from the first frame to the second",
        unit=_THUMBNAILS,
        better="lower",
        part=FILMS,
    ),
    "drift": QualityMetric(
        meaning="distance of a film's last quarter to its second frame",
        unit=_THUMBNAILS,
        better="lower",
        part=FILMS,
    ),
    "diversity_ratio": QualityMetric(
        meaning="distance between first frames of other seeds over that within a film",
        unit=_RATIO,
        better="higher",
        part=FILMS,
    ),
    **{
        f"flicker_{region}": QualityMetric(
            meaning=f"second difference in time, {region}; read it beside sharpness_kept",
            unit=_LEVELS,
            better="lower",
            part=FILMS,
        )
        for region in ("mouth", "face")
    },
    "sharpness_kept": QualityMetric(
        meaning="variance of the face's Laplacian in coherent frames over that in the first frame",
        unit=_RATIO,
        better="higher",
        part=FILMS,
    ),
}
