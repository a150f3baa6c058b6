"""The embedded autoencoder: people it never saw come back, and their latents are white."""

import pytest
import torch

from imagineid_core.assets import AUTOENCODER, SHIPPED, check_suite, read_manifest
from imagineid_core.corpus.people import to_image
from imagineid_core.corpus.people.pictures import draw_pictures
from imagineid_core.evaluation.imagine.gates import GATES
from imagineid_core.imagine.mini_suite import load_vae
from imagineid_core.training.face_regions import mouth_crops, peak_signal_to_noise

NEVER_SEEN = (900_002, 900_012, 900_022, 900_032)  # far behind the people of any corpus


@pytest.fixture(scope="module")
def people():
    drawn = [draw_pictures(0, person, 2, 128) for person in NEVER_SEEN]
    images = to_image(torch.cat([one.portrait for one in drawn]))
    return images, torch.cat([one.mouth_box for one in drawn]).long()


@torch.no_grad()
def test_people_it_never_saw_come_back_with_their_mouths(people):
    images, mouths = people
    vae = load_vae(check_suite(AUTOENCODER))
    latents = vae.encode(images).latent_dist.mode()
    drawn = vae.decode(latents).sample.clamp(-1, 1)
    # Eight pictures: two decibels below what two hundred people reach on average.
    assert peak_signal_to_noise(drawn, images).mean() > 29.5
    crops = mouth_crops(drawn, mouths), mouth_crops(images, mouths)
    assert peak_signal_to_noise(*crops).mean() > 27.5
    assert 0.7 < latents.std() < 1.3
    assert latents.mean().abs() < 0.3


def test_it_passed_the_gate_that_its_manifest_tells_of():
    told = read_manifest(SHIPPED).suites[AUTOENCODER].gates["vae"]
    assert told["is_passed"]
    for name, goal in GATES["vae"].items():
        assert goal.is_met(told["figures"][name])
