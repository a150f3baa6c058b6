"""Named controls of the open face and the linear map from them to its 64 coefficients.

`jaw_open` and `smile_L` are what visemes, emotions and people speak; the coefficients are what
networks see. Knows nothing about how a control moves the mesh.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.errors import InputError
from imagineid_core.face.open_face.basis import expression_directions


@dataclass(frozen=True, kw_only=True)
class Control:
    """What a control does at 1; signed ones do the opposite at -1, the others start at 0."""

    does: str
    is_signed: bool = False


# L and R are the person's left and right; left is +x, the viewer's right.
CONTROLS: dict[str, Control] = {
    "jaw_open": Control(does="the jaw turns down about its hinge; about 3 cm between the lips"),
    "jaw_left": Control(does="the jaw slides to the person's left", is_signed=True),
    "jaw_forward": Control(does="the jaw slides forward", is_signed=True),
    "lip_close": Control(
        does="takes back the gap of jaw_open: equal amounts of both touch; keep it <= jaw_open"
    ),
    "pucker": Control(does="lips round and forward, as in 'oo'"),
    "funnel": Control(does="lips forward and apart, as in 'sh'"),
    "stretch": Control(does="corners out and back, as in 'ee'"),
    "lip_press": Control(does="lips pressed thinner, as in 'm'"),
    "lip_roll_in": Control(does="the red rolls behind the teeth's edge"),
    "upper_lip_raise": Control(does="upper lip up, upper teeth show"),
    "lower_lip_down": Control(does="lower lip down, lower teeth show"),
    "upper_lip_forward": Control(does="upper lip forward", is_signed=True),
    "lower_lip_forward": Control(
        does="lower lip forward; -1 is under the upper teeth, as in 'f'", is_signed=True
    ),
    "mouth_left": Control(does="the mouth moves to the person's left", is_signed=True),
    "chin_raise": Control(does="the chin's pad pushes the lips up"),
    "smile_L": Control(does="left corner up and out, cheek up"),
    "smile_R": Control(does="right corner up and out, cheek up"),
    "frown_L": Control(does="left corner down"),
    "frown_R": Control(does="right corner down"),
    "dimple_L": Control(does="left corner back"),
    "dimple_R": Control(does="right corner back"),
    "cheek_puff_L": Control(does="left cheek blown up; -1 sucks it in", is_signed=True),
    "cheek_puff_R": Control(does="right cheek blown up; -1 sucks it in", is_signed=True),
    "sneer_L": Control(does="left nostril and upper lip up"),
    "sneer_R": Control(does="right nostril and upper lip up"),
    "nose_wrinkle": Control(does="bridge down, nostrils up"),
    "nostril_flare": Control(does="nostrils wide"),
    "blink_L": Control(does="left eye shut"),
    "blink_R": Control(does="right eye shut"),
    "squint_L": Control(does="left lower lid and cheek up"),
    "squint_R": Control(does="right lower lid and cheek up"),
    "eye_wide_L": Control(does="left lids apart"),
    "eye_wide_R": Control(does="right lids apart"),
    "gaze_right": Control(does="both eyes to the viewer's right, 19 degrees", is_signed=True),
    "gaze_up": Control(
        does="both eyes up, 15 degrees; the lids stay, add eye_wide or blink", is_signed=True
    ),
    "brow_up_inner": Control(does="inner ends of both brows up"),
    "brow_up_outer_L": Control(does="outer end of the left brow up"),
    "brow_up_outer_R": Control(does="outer end of the right brow up"),
    "brow_down_L": Control(does="left brow down and in"),
    "brow_down_R": Control(does="right brow down and in"),
    "brow_furrow": Control(does="brows together"),
    "forehead_up": Control(does="the skin of the forehead up"),
    "tongue_up": Control(does="tip of the tongue to the upper teeth, as in 'l'"),
    "tongue_out": Control(does="tongue forward, as in 'th'"),
}

# Six expressions that read at 128 pixels; scale them by an intensity in [0, 1].
EMOTIONS: dict[str, dict[str, float]] = {
    "neutral": {},
    "happy": {
        "smile_L": 1.0, "smile_R": 1.0, "squint_L": 0.45, "squint_R": 0.45,
        "upper_lip_raise": 0.40, "jaw_open": 0.06, "brow_up_outer_L": 0.15, "brow_up_outer_R": 0.15,
    },
    "sad": {
        "frown_L": 0.95, "frown_R": 0.95, "brow_up_inner": 1.0, "chin_raise": 0.7,
        "blink_L": 0.28, "blink_R": 0.28, "gaze_up": -0.35, "lower_lip_forward": 0.3,
    },
    "angry": {
        "brow_down_L": 1.0, "brow_down_R": 1.0, "brow_furrow": 1.0, "squint_L": 0.5,
        "squint_R": 0.5, "nose_wrinkle": 0.5, "frown_L": 0.45, "frown_R": 0.45,
        "lip_press": 0.5, "nostril_flare": 0.7, "sneer_L": 0.25, "sneer_R": 0.25,
    },
    "afraid": {
        "brow_up_inner": 1.0, "brow_furrow": 0.6, "eye_wide_L": 1.0, "eye_wide_R": 1.0,
        "stretch": 0.8, "jaw_open": 0.28, "frown_L": 0.4, "frown_R": 0.4, "lower_lip_down": 0.3,
    },
    "surprised": {
        "brow_up_inner": 1.0, "brow_up_outer_L": 1.0, "brow_up_outer_R": 1.0, "eye_wide_L": 0.9,
        "eye_wide_R": 0.9, "jaw_open": 0.62, "pucker": 0.25, "forehead_up": 1.0,
    },
}  # fmt: skip


def expression_from_controls(
    controls: Mapping[str, float | Float[Tensor, " frames"]],
) -> Float[Tensor, "frames expression=64"]:
    """Coefficients for these controls, one row a frame; controls not named stay at 0.

    A number holds for every frame, a tensor gives one value a frame. The map is linear, so
    mixtures and curves of controls are mixtures and curves of coefficients.
    """
    _check(controls)
    names = expression_directions().names
    num_frames = max(_track_lengths(controls).values(), default=1)
    amounts = torch.zeros(num_frames, len(names))
    for name, value in controls.items():
        amounts[:, names.index(name)] = torch.as_tensor(value, dtype=torch.float32)
    return amounts @ _from_named().T


def controls_from_expression(
    expression: Float[Tensor, "frames expression=64"],
) -> dict[str, Float[Tensor, " frames"]]:
    """How far each control is applied: the inverse of `expression_from_controls`."""
    amounts = torch.linalg.solve(_from_named().to(expression), expression.T)
    names = expression_directions().names
    return {name: row for name, row in zip(names, amounts, strict=True) if name in CONTROLS}


def _from_named() -> Float[Tensor, "expression=64 direction=64"]:
    return torch.from_numpy(expression_directions().from_named).float()


def _track_lengths(controls: Mapping[str, float | Tensor]) -> dict[str, int]:
    return {
        name: value.shape[0]
        for name, value in controls.items()
        if isinstance(value, Tensor) and value.ndim == 1
    }


def _check(controls: Mapping[str, float | Tensor]) -> None:
    lengths = _track_lengths(controls)
    if len(set(lengths.values())) > 1:
        raise InputError(
            f"controls have different numbers of frames: {lengths}. Give every track the same one."
        )
    for name, value in controls.items():
        if name not in CONTROLS:
            raise InputError(
                f"control '{name}' is not one of the open face's. "
                f"Use one of: {', '.join(CONTROLS)}."
            )
        low, high = (-1.0 if CONTROLS[name].is_signed else 0.0), 1.0
        values = torch.as_tensor(value, dtype=torch.float32)
        if not bool(((values >= low) & (values <= high)).all()):  # also true for NaN
            raise InputError(
                f"control '{name}' is {_worst(values, low, high):.3g} but its range is "
                f"{low:.0f} to {high:.0f}. Scale or clamp it."
            )


def _worst(values: Tensor, low: float, high: float) -> float:
    outside = values[~((values >= low) & (values <= high))]
    return float(outside.reshape(-1)[0])
