"""A sheet to look at: a row a frame with its portrait, mesh frame, matte, plate and mouth mask.

Knows nothing about files: the picture is returned, not written.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from imagineid_core.corpus.people.corpus import PeopleCorpus
from imagineid_core.corpus.people.pictures import PersonPictures, to_image

_BOX = (0.0, 1.0, 0.0)  # RGB in [-1, 1]


def people_sheet(
    corpus: PeopleCorpus, *, num_people: int = 8, split: str = "train"
) -> Float[Tensor, "3 height width"]:
    """Two people side by side; the mouth box is drawn into the fifth column."""
    people = [corpus.load(name) for name in corpus.names(split)[:num_people]]
    blocks = [_block(person) for person in people]
    blocks += [torch.full_like(blocks[0], -1.0)] * (len(blocks) % 2)
    pairs = [torch.cat([a, b], dim=2) for a, b in zip(blocks[::2], blocks[1::2], strict=True)]
    return torch.cat(pairs, dim=1)


def _block(person: PersonPictures) -> Float[Tensor, "3 height width"]:
    rows = []
    for i in range(len(person.portrait)):
        image, plate = to_image(person.portrait[i]), to_image(person.clean_plate[0])
        mouth = person.mouth_mask[i].float() / 255
        marked = _outlined(image * (0.4 + 0.6 * mouth), person.mouth_box[i])
        matte = to_image(person.matte[i]).expand(3, -1, -1)
        cells = [image, to_image(person.mesh_frame[i]), matte, plate, marked]
        rows.append(torch.cat(cells, dim=2))
    return torch.cat(rows, dim=1)


def _outlined(image: Tensor, box: Tensor) -> Tensor:
    left, top, right, bottom = box.tolist()
    framed = image.clone()
    colour = image.new_tensor(_BOX)[:, None]
    for row in (top, bottom - 1):
        framed[:, row, left:right] = colour
    for column in (left, right - 1):
        framed[:, top:bottom, column] = colour
    return framed
