"""What the Autoregressive Sampler costs beside the work itself, done with ComfyUI's own pieces.

The same frames by KSampler, a T2IAdapter that does what SCA does, VAE Encode, VAE Decode and Save
Video. Processor time, in turn in one process, and stock against stock as a control; the
median of rounds, for one round is a tenth off on a machine with others on it.
"""

import time
from statistics import median

import pytest
import torch
from torch import nn

FRAMES, STEPS = 3, 20
GUIDANCE, SEED = 3.0, 5
_GREY_LEVEL = 1 / 255
MOST = 1.05
CONTROL = 0.05  # how far stock may be from itself
ROUNDS, MOST_ROUNDS = 7, 15  # more are made while it is further


class SpatialAsStock(nn.Module):
    """SCA's network as a T2IAdapter holds one: the pictures side by side are its one hint."""

    unshuffle_amount = 8

    def __init__(self, network, slots, vae, scale):
        super().__init__()
        self.network, self.slots, self.vae, self.scale = network, slots, vae, scale
        self.latents = None  # of one frame, encoded before it is sampled

    def forward(self, _hint):
        maps = self.network(*(None if one is None else one * self.scale for one in self.latents))
        listed = [None] * (self.slots[-1] + 1)
        for slot, item in zip(self.slots, maps, strict=True):
            listed[slot] = item
        return {"input": listed[::-1]}


@pytest.fixture
def ours(pack, suite, networks, mesh):
    """Alg. 1 with SCA alone, by the node."""
    adapters = pack("adapters")
    bundle = adapters.AdapterBundle(spatial=adapters.patched(networks.spatial, like_unet=True))

    def made():
        return pack("sampler").AutoregressiveSampler.execute(
            model=suite.model,
            vae=suite.vae,
            positive=suite.positive,
            negative=suite.negative,
            mesh=mesh(FRAMES),
            seed=SEED,
            steps=STEPS,
            cfg=GUIDANCE,
            sampler_name="ddim",
            scheduler="simple",
            keep_images=True,
            show_size=128,
            show_label=False,
            adapters=bundle,
            options={"settles": 0, "guided_share": 1.0},
        )

    return made


@pytest.fixture
def stock(pack, suite, networks, mesh, tmp_path):
    """The same frames by ComfyUI's nodes, wired by hand for every frame."""
    import comfy.controlnet
    from comfy_api.latest import InputImpl, Types

    import nodes

    images = pack("convert").images_from_core
    slots = pack("spatial_control").map_slots(
        suite.model.model.diffusion_model, networks.spatial.config
    )
    scale = suite.model.get_model_object("latent_format").scale_factor
    network = SpatialAsStock(networks.spatial, slots, suite.vae, scale)
    adapter = comfy.controlnet.T2IAdapter(network, 3, 8, "nearest-exact")
    encode, decode = nodes.VAEEncode().encode, nodes.VAEDecode().decode
    steer, sample = nodes.ControlNetApplyAdvanced().apply_controlnet, nodes.common_ksampler

    def latent(picture):
        return encode(suite.vae, picture)[0]["samples"]

    def made():
        frames, first, before = [], None, None
        for number, one in enumerate(mesh(FRAMES)):
            drawn = images(one.colour)
            network.latents = (latent(drawn), first, before)
            steered = steer(suite.positive, suite.negative, adapter, drawn, 1.0, 0.0, 1.0)
            (made,) = sample(
                suite.model,
                SEED,
                STEPS,
                GUIDANCE if number == 0 else 1.0,
                "ddim",
                "simple",
                *steered,
                {"samples": torch.zeros(1, 4, 16, 16)},
            )
            (frame,) = decode(suite.vae, made)
            frames.append(frame)
            hidden = frame * (1 - one.mouth_mask[:, 0, :, :, None])
            before = latent(hidden)
            first = latent(frame) if first is None else first
        film = Types.VideoComponents(images=torch.cat(frames), frame_rate=25)
        InputImpl.VideoFromComponents(film).save_to(str(tmp_path / "stock.mp4"))
        return torch.cat(frames)

    return made


def seconds_of(work):
    begin = time.process_time()
    work()
    return time.process_time() - begin


def test_the_sampler_costs_little_beside_stock_pieces(ours, stock):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        ours(), stock()  # what is done once
        rounds, control = [], 0.0
        while len(rounds) < ROUNDS or (abs(control - 1) > CONTROL and len(rounds) < MOST_ROUNDS):
            rounds.append([seconds_of(work) for work in (stock, ours, stock)])
            control = median(other / one for one, _node, other in rounds)
            overhead = median(2 * node / (one + other) for one, node, other in rounds)
    finally:
        torch.set_num_threads(threads)
    told = f"overhead {overhead:.3f}, stock against stock {control:.3f}, rounds {rounds}"
    print(told)
    assert abs(control - 1) <= CONTROL, f"this machine is too busy to tell: {told}"
    assert overhead <= MOST, told


def test_stock_pieces_do_the_same_work(ours, stock):
    """Else the comparison says nothing: the same noise, pictures within a grey level."""
    one, other = ours().args[1], stock()
    assert one.shape == other.shape
    assert (one - other).abs().mean() < _GREY_LEVEL
    assert (one[1:] - one[:1]).abs().mean() > 4 * _GREY_LEVEL, "one frame would do for all"
