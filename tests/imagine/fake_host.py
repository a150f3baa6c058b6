"""A host that counts what it is asked and is made of arithmetic, so every frame can be checked."""

import weakref
from collections import Counter

import torch
from torch.nn.functional import avg_pool2d, interpolate

from imagineid_core.imagine.host import MeshPicture

CELL = 8


class CountingHost:
    """Latents are averaged pixels; a step pulls the latent to what conditions it."""

    def __init__(self, *, is_steered=True, blends=True):
        self.is_steered, self.blends = is_steered, blends
        self.calls = Counter()
        self.ways = []
        self.conditioned = []
        self.masks = []
        self.anchors = []  # what the background was anchored to
        self.heads = []
        self.made = []
        self.broken = {}  # a method's name: at which of its calls it gives NaN
        self.matte_of = lambda image: _middle(image)

    latent_channels = 3
    pixels_per_latent = CELL

    def encode(self, images):
        self.calls["vae_encode"] += 1
        self.calls["pictures encoded"] += len(images)
        return self._whole("encode", avg_pool2d(images, CELL))

    def condition(self, picture, mesh, identity, previous):
        self.calls["sca"] += 1
        self.conditioned.append((identity is not None, previous is not None))
        there = [latent for latent in (mesh, identity, previous) if latent is not None]
        return torch.stack(there).mean(0) if there else torch.zeros(())

    def denoise(self, noise, features, way):
        self.ways.append(way)
        latent = noise if way.start is None else way.start + way.strength * noise
        for step in range(way.num_steps):
            self.calls["unet"] += 1
            drawn = torch.Generator().manual_seed(way.step_seed(step))
            latent = (latent + features) / 2 + 0.01 * torch.randn(latent.shape, generator=drawn)
            way.on_step(step + 1)
        return self._whole("denoise", latent)

    def background(self, image, shown=None, mask=None):
        self.anchors.append((shown, mask))
        self.calls["background"] += 1
        return image

    def decode(self, latent, plate, mask):
        self.calls["vae_decode"] += 1
        self.masks.append(mask)
        image = interpolate(latent, scale_factor=CELL, mode="nearest").clamp(-1, 1)
        if plate is not None:
            image = image * mask + plate * (1 - mask)
        return self._whole("decode", image)

    def matte(self, image, head):
        self.calls["matte"] += 1
        self.heads.append(head)
        return self.matte_of(image)

    def inpaint(self, image, mask):
        self.calls["inpaint"] += 1
        return image * (1 - mask)

    def _whole(self, name, tensor):
        self.calls[name] += 1
        broken = self.broken.get(name) == self.calls[name]
        made = tensor * float("nan") if broken else tensor
        self.made.append(weakref.ref(made))
        return made


def _middle(image):
    mask = torch.zeros_like(image[:, :1])
    height, width = image.shape[-2:]
    mask[..., height // 4 : height * 3 // 4, width // 4 : width * 3 // 4] = 1
    return mask


def mesh_pictures(count, size=32, height=None):
    """Meshes that differ, each with its mouth somewhere below the middle."""
    height = size if height is None else height
    pictures = []
    for index in range(count):
        generator = torch.Generator().manual_seed(index)
        mouth = torch.zeros(1, 1, height, size)
        mouth[..., height // 2 + index % 3 : height // 2 + 6, size // 4 : size // 2] = 1
        colour = torch.rand(1, 3, height, size, generator=generator) * 2 - 1
        head = torch.full((1, 1, height, size), index / 10)  # as good as a name
        pictures.append(MeshPicture(colour=colour, mouth_mask=mouth, head_mask=head))
    return pictures
