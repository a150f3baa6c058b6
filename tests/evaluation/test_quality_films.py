"""Each number of the gate's films on true portraits in films' place: it sees the damage it is for.

Rendered people who do what their mesh does are as good as films can be; what is done to them is
what networks do when they get worse. Judged as the gate judges, film by film.
"""

import pytest
import torch
from torch.nn.functional import avg_pool2d

from imagineid_core.assets import READ, check_suite
from imagineid_core.assets.suite import file_name
from imagineid_core.evaluation.quality.compare import HELD, WORSE, compare
from imagineid_core.evaluation.quality.films import looked_at
from imagineid_core.evaluation.quality.measure import Measured
from imagineid_core.evaluation.quality.record import QualityRecord, recorded_number
from imagineid_core.evaluation.video.face_places import FilmMesh
from imagineid_core.face.load import load_face
from imagineid_core.face.reader import ARCHITECTURE, load_face_reader
from tests.evaluation.true_films import OPENINGS, speaking, true_film

PEOPLE, FRAMES = 4, len(OPENINGS)
LIGHTER = torch.linspace(0, 0.3, FRAMES - 1).view(-1, 1, 1, 1)


@pytest.fixture(scope="module")
def mesh():
    return FilmMesh(speaking(), load_face(), height=128, width=128)


@pytest.fixture(scope="module")
def reader():
    return load_face_reader(check_suite(READ) / file_name(ARCHITECTURE)).eval()


@pytest.fixture(scope="module")
def films():
    """Of four people and of four others."""
    return [true_film(speaking(), seed) for seed in range(2 * PEOPLE)]


def said(before, now, *, first=0):
    """The verdict on each number of `now`, after `before` was recorded."""
    record = QualityRecord(numbers={name: recorded_number(v) for name, v in before.items()})
    comparison = compare(Measured(rounds=now, first=first), record)
    return {one.name: one.said for one in comparison.verdicts}


def coherent(films, change):
    """What comes behind the first frame, changed."""
    return [torch.cat([one[:1], change(one[1:])]) for one in films]


def softened(frames):
    return 0.7 * frames + 0.3 * avg_pool2d(frames, 3, stride=1, padding=1, count_include_pad=False)


def shaken(frames):
    noise = torch.randn(frames.shape, generator=torch.Generator().manual_seed(0))
    return frames + 0.06 * noise


DAMAGE = {
    "sharpness_kept": lambda films: coherent(films, softened),
    "mouth_follows": lambda films: coherent(films, lambda f: f[[1, 0, 3, 4, 2]]),
    "face_follows": lambda films: coherent(films, lambda f: f.roll(2, dims=-1)),
    "first_jump": lambda films: coherent(films, lambda f: (f + 0.05).clamp(-1, 1)),
    "drift": lambda films: coherent(films, lambda f: (f + LIGHTER).clamp(-1, 1)),
    "diversity_ratio": lambda films: [0.8 * films[0] + 0.2 * one for one in films],
    "flicker_face": lambda films: coherent(films, shaken),
    "flicker_mouth": lambda films: coherent(films, shaken),
}


@pytest.fixture(scope="module")
def as_made(films, mesh, reader):
    return looked_at(films[:PEOPLE], mesh, reader)


def test_true_people_follow_their_mesh(as_made):
    assert min(as_made["mouth_follows"]) > 0.9
    assert max(as_made["face_follows"]) < 0.08


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_noticed_by_the_number_that_is_for_it(name, films, as_made, mesh, reader):
    spoilt = looked_at(DAMAGE[name](films[:PEOPLE]), mesh, reader)
    assert said(as_made, spoilt)[name] == WORSE


def test_the_same_films_hold_and_so_do_films_of_other_people(films, as_made, mesh, reader):
    again = looked_at([one + 1e-4 for one in films[:PEOPLE]], mesh, reader)
    assert set(said(as_made, again).values()) == {HELD}
    others = looked_at(films[PEOPLE:], mesh, reader)
    assert WORSE not in said(as_made, others, first=PEOPLE).values()


def test_every_number_that_takes_frames_alone_has_its_damage(as_made):
    assert set(DAMAGE) == set(as_made)
