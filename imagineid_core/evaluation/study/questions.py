"""What raters are asked (supplement 0.4: three dimensions, scores from 1 to 5) and in which words.

The paper names the dimensions only. The wording is ours; so are the five words of the scale, which
are those of ITU-T P.910 for absolute ratings. Knows nothing about clips or raters.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Question:
    """`name` stands in files and tables, `asked` on the page."""

    name: str
    in_the_paper: str
    asked: str


QUESTIONS = (
    Question(
        name="synchronization",
        in_the_paper="Audio-visual synchronization",
        asked="How well do the lips fit the sound?",
    ),
    Question(
        name="emotion",
        in_the_paper="Emotion accuracy",
        asked="How well does the emotion in the face fit the emotion in the voice?",
    ),
    Question(
        name="quality",
        in_the_paper="Overall video quality",
        asked="How good is the video as a whole?",
    ),
)
SCALE = ("bad", "poor", "fair", "good", "excellent")  # 1 to 5
LOWEST, HIGHEST = 1, len(SCALE)
