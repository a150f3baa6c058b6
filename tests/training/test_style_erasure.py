"""What a straight cut tells of a factor is taken out in closed form, and little else."""

import dataclasses

import pytest
import torch

from imagineid_core.audio.features import MelWindows
from imagineid_core.audio.timeline import window_starts
from imagineid_core.evaluation.probes import probe
from imagineid_core.listen.content import ContentConfig, ContentNet
from imagineid_core.listen.erasure import Erasure
from imagineid_core.listen.progressive import PAPER_WINDOWS, over_windows
from imagineid_core.training.recordings import read_recordings
from imagineid_core.training.style_erasure import erase_style, erasure_of
from imagineid_core.values import PAPER_FPS
from tests.tiny import TINY
from tests.training.tiny_corpus import TinyCorpus

ROWS, WIDTH, STYLES = 600, 12, 3


@pytest.fixture(scope="module")
def told():
    """Styles shown strongly in four features, and something else in another."""
    generator = torch.Generator().manual_seed(0)
    style = torch.randint(STYLES, (ROWS,), generator=generator)
    features = 5 + torch.randn(ROWS, WIDTH, generator=generator)
    features[:, :STYLES] += 3 * torch.nn.functional.one_hot(style, STYLES)
    features[:, 3] -= 2.0 * (style == 1)
    said = torch.randint(2, (ROWS,), generator=generator)
    features[:, 8] += 4 * said
    return features, style, said


def erased(features, style):
    erasure = Erasure(WIDTH)
    erasure.set_to(*erasure_of(features, torch.nn.functional.one_hot(style, STYLES).float()))
    return erasure(features)


def accuracy(features, labels):
    rows = [str(row) for row in range(len(labels))]
    return probe(features, [str(label) for label in labels.tolist()], rows, seed=0).accuracy


def test_no_linear_probe_tells_the_style_afterwards(told):
    features, style, _ = told
    assert accuracy(features, style) > 0.9
    assert accuracy(erased(features, style), style) < 0.42  # a third is chance


def test_the_means_of_all_styles_become_one(told):
    features, style, _ = told
    rest = erased(features, style)
    means = torch.stack([rest[style == number].mean(dim=0) for number in range(STYLES)])
    torch.testing.assert_close(means, means[:1].expand_as(means), atol=1e-4, rtol=0)


def test_what_else_is_said_stays(told):
    features, style, said = told
    rest = erased(features, style)
    assert accuracy(rest, said) > 0.95
    torch.testing.assert_close(rest[:, 9:], features[:, 9:], atol=0.5, rtol=0)


def test_nothing_is_taken_before_it_is_fitted():
    features = torch.randn(3, 4, WIDTH)
    assert torch.equal(Erasure(WIDTH)(features), features)


def test_a_content_net_forgets_the_styles_of_the_clips_it_was_fitted_on():
    torch.manual_seed(0)
    recordings = read_recordings(TinyCorpus(), "train")
    net = ContentNet(ContentConfig(**vars(TINY), erases_style=True)).eval()
    plain = ContentNet(TINY).eval()
    plain.load_state_dict(net.state_dict(), strict=False)

    def spread_between_styles(one):
        means = {}
        for recording in recordings:
            windows = MelWindows(
                recording.mel.float(), window_starts(recording.num_frames, PAPER_FPS)
            )
            linguistic = over_windows(one.encode, one, [windows], windowing=PAPER_WINDOWS)
            means.setdefault(recording.style, []).append(linguistic.mean(dim=0))
        centres = torch.stack([torch.stack(rows).mean(dim=0) for rows in means.values()])
        return float((centres[0] - centres[1]).norm())

    before = spread_between_styles(plain)
    erase_style(net, recordings)
    first = {name: value.clone() for name, value in net.state_dict().items()}
    assert spread_between_styles(net) < 1e-2 * before
    erase_style(net, recordings)  # a second call finds the same
    for name, value in net.state_dict().items():
        torch.testing.assert_close(value, first[name], msg=name)


def test_the_papers_content_net_has_no_erasure():
    assert not any("erasure" in name for name in ContentNet(TINY).state_dict())
    config = ContentConfig(**dataclasses.asdict(TINY))
    assert not config.erases_style
