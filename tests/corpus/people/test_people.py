import json
import shutil

import pytest
import torch

from imagineid_core.corpus.people import (
    build_people_corpus,
    draw_pictures,
    open_people_corpus,
    to_bytes,
    to_image,
)
from imagineid_core.corpus.people.moments import draw_moments
from imagineid_core.corpus.people.sheet import people_sheet
from imagineid_core.corpus.portrait import caption_of
from imagineid_core.corpus.shard_folder import read_manifest, shard_path
from imagineid_core.errors import InputError

SMALL = {"num_people": 3, "num_frames": 3, "size": 32, "seed": 5}
SHARD = "people_000000"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people") / "corpus é"
    build_people_corpus(folder, **SMALL)
    return folder


@pytest.fixture
def copy(made, tmp_path):
    return shutil.copytree(made, tmp_path / "copy")


def test_a_person_comes_back_as_it_was_drawn(made):
    corpus = open_people_corpus(made)
    loaded, drawn = corpus.load("p00001"), draw_pictures(5, 1, 3, 32)
    for name in ("portrait", "mesh_frame", "matte", "mouth_mask", "clean_plate", "mouth_box"):
        assert torch.equal(getattr(loaded, name), getattr(drawn, name)), name
    for name in ("shape", "expression", "texture", "lighting", "pose"):
        one, other = getattr(loaded.coefficients, name), getattr(drawn.coefficients, name)
        assert torch.equal(one, other), name
    assert (loaded.landmarks - drawn.landmarks).abs().max() < 0.02  # float16 of 32 pixels
    assert loaded.attributes == drawn.attributes
    assert loaded.caption == caption_of(loaded.attributes)
    assert (loaded.styles, loaded.follows) == (drawn.styles, drawn.follows)


def test_people_are_split_as_the_talkers_are(made):
    corpus = open_people_corpus(made)
    names = {split: corpus.names(split) for split in ("train", "validation", "test")}
    assert names == {"train": ("p00000",), "validation": ("p00001",), "test": ("p00002",)}
    with pytest.raises(InputError, match="split is 'dev'"):
        corpus.names("dev")
    with pytest.raises(InputError, match="person 'p9' is not in"):
        corpus.load("p9")


def test_the_plate_is_seen_where_the_person_is_not(made):
    for name in open_people_corpus(made).names("train"):
        person = open_people_corpus(made).load(name)
        away = (person.matte == 0).expand_as(person.portrait)
        plate = person.clean_plate.expand_as(person.portrait)
        assert torch.equal(person.portrait[away], plate[away])
        inside = (person.matte == 255).float().mean()
        assert 0.2 < inside < 0.9


def test_the_mouth_box_holds_the_mouth(made):
    person = open_people_corpus(made).load("p00002")
    for mask, box in zip(person.mouth_mask, person.mouth_box, strict=True):
        left, top, right, bottom = box.tolist()
        assert mask.sum() > 0
        assert mask[:, top:bottom, left:right].sum() == mask.sum()
        assert (right - left) < 16


def test_neighbouring_frames_are_alike_and_others_differ():
    near, far = [], []
    for person in range(12):
        moments = draw_moments(0, person, 3)
        assert moments.follows == (-1, -1, 1)
        assert moments.styles[1] == moments.styles[2]
        near.append((moments.pose[2] - moments.pose[1]).abs().max())
        far.append((moments.pose[1] - moments.pose[0]).abs().max())
        assert not torch.equal(moments.expression[1], moments.expression[2])
    assert 4 * torch.stack(near).mean() < torch.stack(far).mean()


def test_a_frame_does_not_depend_on_how_many_there_are():
    few, many = draw_moments(3, 4, 2), draw_moments(3, 4, 6)
    assert torch.equal(few.expression, many.expression[:2])
    assert torch.equal(few.pose, many.pose[:2])
    assert many.follows == (-1, -1, 1, -1, 3, -1)


def test_a_corpus_grows_and_what_was_made_stays(copy):
    before = open_people_corpus(copy).load("p00000").portrait
    build_people_corpus(copy, **(SMALL | {"num_people": 4}))
    corpus = open_people_corpus(copy)
    assert torch.equal(corpus.load("p00000").portrait, before)
    assert len(corpus.names("train")) == 2
    hash_of_four = corpus.corpus_hash
    build_people_corpus(copy, **SMALL)  # fewer: nothing is lost
    assert open_people_corpus(copy).corpus_hash == hash_of_four


def test_a_damaged_shard_is_named_and_made_again(copy, made, caplog):
    path = shard_path(copy, SHARD)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(InputError, match=f"{SHARD}.*does not have the hash"):
        open_people_corpus(copy).load("p00000")
    build_people_corpus(copy, **SMALL)
    assert f"making shard {SHARD} again" in caplog.text
    assert path.read_bytes() == shard_path(made, SHARD).read_bytes()


def test_a_half_made_corpus_is_not_opened(copy):
    document = json.loads((copy / "manifest.json").read_text())
    document["shards"] = {}
    (copy / "manifest.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match="half made: 0 of 1 shards"):
        open_people_corpus(copy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_people": 2}, "num_people is 2"),
        ({"num_frames": 0}, "num_frames is 0"),
        ({"size": 100}, "size is 100"),
        ({"seed": -1}, "seed is -1"),
        ({"workers": 0}, "workers is 0"),
    ],
)
def test_impossible_sizes_are_refused_before_anything_is_made(tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        build_people_corpus(tmp_path / "new", **(SMALL | change))
    assert not (tmp_path / "new").exists()


def test_another_recipe_or_another_kind_is_refused(copy):
    with pytest.raises(InputError, match="seed 5 instead of 6"):
        build_people_corpus(copy, **(SMALL | {"seed": 6}))
    with pytest.raises(InputError, match="'people' corpus but this code reads 1 of 'talker'"):
        read_manifest(copy, "talker")
    (copy / "manifest.json").write_text('{"format_version": 1, "corp')
    with pytest.raises(InputError, match="not readable as a manifest"):
        open_people_corpus(copy)
    (copy / "manifest.json").unlink()
    (copy / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match=r"has files but no manifest.json"):
        build_people_corpus(copy, **SMALL)


def test_the_sheet_shows_every_frame(made):
    sheet = people_sheet(open_people_corpus(made), num_people=1)
    assert sheet.shape == (3, 3 * 32, 2 * 5 * 32)


def test_bytes_and_images_are_one_another():
    picture = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    assert torch.equal(to_bytes(to_image(picture)), picture)
