"""Track Preview: a performance as curves over its seconds, on the node and as a picture.

Knows nothing about how curves are drawn.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from comfy_api.latest import io, ui

from imagineid_core.values import FaceBasis, Performance
from imagineid_core.video.picture import load_picture

from .convert import images_from_core, speech_from_audio
from .schema import ImagineNode, gives, node_schema, takes
from .sockets import FACE_BASIS, PERFORMANCE
from .timeline import Timeline, told


class TrackPreview(ImagineNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return node_schema(
            "TrackPreview",
            "Track Preview",
            "motion",
            "Draw what a performance does over time: sound, mouth opening, emotion, blink, pose. "
            "Needs matplotlib.",
            inputs=[
                takes(PERFORMANCE, "performance", "What is drawn, of Head Motion."),
                takes(io.Audio, "audio", "The voice of the performance."),
                takes(
                    FACE_BASIS,
                    "face_basis",
                    "The face whose mouth and brows are measured, in mm.",
                ),
                takes(
                    io.String,
                    "title",
                    "Written above the curves.",
                    default="voice",
                    multiline=False,
                ),
            ],
            outputs=[gives(io.Image, "picture", "The curves, 1320 x 990 pixels.")],
            is_output_node=True,
        )

    @classmethod
    def execute(
        cls, performance: Performance, audio: Any, face_basis: FaceBasis, title: str
    ) -> io.NodeOutput:
        from imagineid_core.evaluation.performance_picture import draw_performance

        motion = performance.motion
        speech = speech_from_audio(audio, motion.fps)
        with TemporaryDirectory() as folder:
            file = Path(folder) / "performance.png"
            draw_performance(performance, speech, face_basis, file, title=title)
            picture = images_from_core(load_picture(file)[None])
        shape = performance.shape
        line = Timeline(
            speech=speech,
            lips=None if shape is None else (shape, performance.expression),
            motion=motion,
            basis=face_basis,
        )
        shown = ui.PreviewImage(picture, cls=cls).as_dict()
        return io.NodeOutput(picture, ui={**shown, **told(line)})


NODES = (TrackPreview,)
