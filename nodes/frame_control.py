"""What the user's CONDITIONING says of one frame: its own picture for every ControlNet in it.

Knows nothing about which controls there are, or about SCA.
"""

from typing import Any

from torch import Tensor

from imagineid_core.errors import InputError

Conditioning = list[Any]  # of [text states, options]


def of_frame(
    conditioning: Conditioning, number: int, num_frames: int, made: dict[int, Any]
) -> Conditioning:
    """The conditioning of one frame.

    `made` is one dictionary for all conditionings of the frame: a control that several entries
    share stays shared, and ComfyUI then samples them together.
    """
    entries = []
    for states, options in conditioning:
        if (control := options.get("control")) is not None:
            if id(control) not in made:
                made[id(control)] = _control_of_frame(control, number, num_frames)
            options = options | {"control": made[id(control)]}
        entries.append([states, options])
    return entries


def _control_of_frame(control: Any, number: int, num_frames: int) -> Any:
    if control is None:
        return None
    one = control.copy()
    hint = control.cond_hint_original
    if isinstance(hint, Tensor) and len(hint) != 1:
        if len(hint) != num_frames:
            raise InputError(
                f"a ControlNet is given {len(hint)} pictures but the clip has {num_frames} frames. "
                "Give it one picture, or one for every frame."
            )
        one.cond_hint_original = hint[number : number + 1]
    return one.set_previous_controlnet(
        _control_of_frame(control.previous_controlnet, number, num_frames)
    )
