"""Films of the suite beside the true ones: made once, kept, and fit to be measured."""

from dataclasses import replace

import pytest

from imagineid_core.errors import InputError
from imagineid_core.evaluation.imagine.voices import Listener
from imagineid_core.evaluation.video.clip_manifest import list_clips
from imagineid_core.evaluation.video.clip_set import measure_set
from imagineid_core.evaluation.video.paper_tables import MARK, fill_tables
from imagineid_core.evaluation.video.suite_clips import SuiteMaker, make_suite_clips
from imagineid_core.face.load import load_face
from imagineid_core.imagine.adapters import load_adapters
from imagineid_core.imagine.config import ImagineConfig
from imagineid_core.imagine.stable_diffusion import load_stable_diffusion
from tests.evaluation.imagined import VOICE_DIM, MoodyCorpus
from tests.imagine.tiny_diffusion import save_tiny_suite
from tests.tiny import tiny_pad

FRAMES = 6


class SpeakersOfTest(MoodyCorpus):
    """Its people of 'validation' are those of 'test', too."""

    def names(self, split):
        return super().names("validation" if split == "test" else split)


@pytest.fixture(scope="module")
def maker(tmp_path_factory):
    folder = tmp_path_factory.mktemp("suite")
    save_tiny_suite(folder, identity_dim=VOICE_DIM, emotion_dim=VOICE_DIM)
    model = load_stable_diffusion(folder)
    levels = len(model.vae.config.block_out_channels)
    return SuiteMaker(
        model=model,
        # A matting network that learned nothing finds people everywhere: the mesh is the matte.
        adapters=replace(load_adapters(folder, model), matting=None),
        listener=Listener(pad=tiny_pad()),
        basis=load_face(),
        config=ImagineConfig(num_steps=1, first_guidance=1.0),
        size=int(model.unet.config.sample_size) * 2 ** (levels - 1),
    )


def test_films_are_made_once_and_measured_by_the_tables_protocol(maker, tmp_path):
    made: list[str] = []

    def make() -> None:
        make_suite_clips(
            maker,
            SpeakersOfTest(),
            tmp_path,
            num_clips=1,
            num_frames=FRAMES,
            method="tiny",
            on_progress=lambda what, done, total: made.append(f"{what} {done}/{total}"),
        )

    make()
    assert len(made) == 2 * FRAMES
    clips = list_clips(tmp_path)
    (only,) = clips.clips
    make()
    assert len(made) == 2 * FRAMES  # nothing again
    (tmp_path / "video" / f"{only.name}.mp4").unlink()
    make()
    assert made[2 * FRAMES :] == [f"film {only.name} {n}/{FRAMES}" for n in range(1, FRAMES + 1)]
    content = measure_set(clips, tmp_path / "evaluation", protocol="mead")
    assert content["failed"] == {}
    assert content["metrics"]["psnr"]["value"] > 3
    assert content["metrics"]["lmd_mouth"]["value"] > 0  # what PAD heard is not the truth
    table = next(one for one in fill_tables([content]) if "Table 2" in one.paper.title)
    assert table.names[-1] == f"tiny {MARK}"
    assert "mesh of the performance" in table.notes[-1]


def test_more_clips_than_speakers_are_refused(maker, tmp_path):
    with pytest.raises(InputError, match="speakers in 'test' but 99 clips are asked for"):
        make_suite_clips(
            maker, SpeakersOfTest(), tmp_path, num_clips=99, num_frames=FRAMES, method="tiny"
        )
