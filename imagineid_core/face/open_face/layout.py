"""Which vertex joins which: a grid round the head with looped patches for mouth, eyes and ears.

Rows run from the crown down, columns from the front middle over the viewer's right (+x) round the
back. A patch replaces a block of cells by closed loops, as a modeller lays them round a mouth; so
lips and lids can open along a line without doubled vertices. Knows nothing about positions.
"""

from dataclasses import dataclass, field

import numpy as np

NUM_HALF_COLUMNS = 39  # from the front middle (0) to the back middle (39)
NUM_COLUMNS = 2 * NUM_HALF_COLUMNS
NUM_ROWS = 61  # below the crown, a single vertex

MOUTH_LOOPS = 20
EYE_LOOPS = 12
EAR_LOOPS = 10


@dataclass(frozen=True, kw_only=True)
class Block:
    """The cells a patch replaces: rows `top`..`bottom`, signed columns `left`..`right`."""

    top: int
    bottom: int
    left: int
    right: int

    def mirrored(self) -> "Block":
        return Block(top=self.top, bottom=self.bottom, left=-self.right, right=-self.left)

    def perimeter(self) -> list[tuple[int, int]]:
        """(row, column) counter-clockwise as seen from outside, from the middle of the right."""
        middle = (self.top + self.bottom) // 2
        right = [(row, self.right) for row in range(middle, self.top, -1)]
        top = [(self.top, column) for column in range(self.right, self.left, -1)]
        left = [(row, self.left) for row in range(self.top, self.bottom)]
        bottom = [(self.bottom, column) for column in range(self.left, self.right)]
        back_up = [(row, self.right) for row in range(self.bottom, middle, -1)]
        return right + top + left + bottom + back_up

    def angles(self, corner: float) -> np.ndarray:
        """An angle for each perimeter vertex: 0 on the right, `corner` radians at the corner."""
        side, half = (self.bottom - self.top) // 2, (self.right - self.left) // 2
        quarter = np.concatenate(
            [
                np.linspace(0, corner, side, endpoint=False),
                np.linspace(corner, np.pi / 2, half, endpoint=False),
            ]
        )
        upper = np.concatenate([quarter, [np.pi / 2], np.pi - quarter[:0:-1]])
        return np.concatenate([upper, np.pi + upper])


MOUTH_BLOCK = Block(top=33, bottom=45, left=-14, right=14)
EYE_BLOCK = Block(top=16, bottom=26, left=3, right=17)  # of the viewer's right
EAR_BLOCK = Block(top=15, bottom=37, left=26, right=34)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Vertex indices of the skin. A patch's loop 0 is the block's perimeter, made of grid vertices.

    `eyes` and `ears` are the viewer's left (-x) first, as iBUG counts.
    """

    num_vertices: int
    crown: int
    grid: np.ndarray  # [row, column], -1 where a patch lies
    mouth: np.ndarray  # [loop, around]
    eyes: tuple[np.ndarray, np.ndarray]
    ears: tuple[np.ndarray, np.ndarray]
    quads: np.ndarray = field(repr=False)  # [quad, 4], counter-clockwise
    triangles: np.ndarray = field(repr=False)  # those that no quad makes: the crown


def skin_layout() -> Layout:
    blocks = {
        "mouth": (MOUTH_BLOCK, MOUTH_LOOPS),
        "eye_left": (EYE_BLOCK.mirrored(), EYE_LOOPS),
        "eye_right": (EYE_BLOCK, EYE_LOOPS),
        "ear_left": (EAR_BLOCK.mirrored(), EAR_LOOPS),
        "ear_right": (EAR_BLOCK, EAR_LOOPS),
    }
    kept = np.ones((NUM_ROWS, NUM_COLUMNS), dtype=bool)
    cells = np.ones((NUM_ROWS - 1, NUM_COLUMNS), dtype=bool)
    for block, _ in blocks.values():
        inner = np.arange(block.left + 1, block.right) % NUM_COLUMNS
        kept[block.top + 1 : block.bottom, inner] = False
        cells[block.top : block.bottom, np.arange(block.left, block.right) % NUM_COLUMNS] = False
    grid = np.full(kept.shape, -1)
    grid[kept] = np.arange(1, 1 + kept.sum())  # 0 is the crown
    count = 1 + int(kept.sum())

    quads = [_grid_quads(grid, cells)]
    patches = {}
    for name, (block, num_loops) in blocks.items():
        perimeter = np.array([grid[row, column % NUM_COLUMNS] for row, column in block.perimeter()])
        fresh = count + np.arange((num_loops - 1) * len(perimeter)).reshape(num_loops - 1, -1)
        count += fresh.size
        patches[name] = np.vstack([perimeter, fresh])
        quads.append(loop_quads(patches[name]))
    first = grid[0]
    crown = np.stack([np.zeros_like(first), first, np.roll(first, -1)], axis=1)
    return Layout(
        num_vertices=count,
        crown=0,
        grid=grid,
        mouth=patches["mouth"],
        eyes=(patches["eye_left"], patches["eye_right"]),
        ears=(patches["ear_left"], patches["ear_right"]),
        quads=np.concatenate(quads),
        triangles=crown,
    )


def loop_quads(loops: np.ndarray) -> np.ndarray:
    """Quads between neighbouring closed loops; the first is the outermost, seen from outside."""
    after = np.roll(loops, -1, axis=1)
    return np.stack([loops[:-1], after[:-1], after[1:], loops[1:]], axis=-1).reshape(-1, 4)


def strip_quads(rows: np.ndarray) -> np.ndarray:
    """Quads of an open grid of vertices whose first row is on top, seen from outside."""
    corners = (rows[:-1, :-1], rows[1:, :-1], rows[1:, 1:], rows[:-1, 1:])
    return np.stack(corners, axis=-1).reshape(-1, 4)


def split_quads(quads: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """Two triangles a quad, along its shorter diagonal: mirror images stay mirror images."""
    a, b, c, d = (vertices[quads[:, corner]] for corner in range(4))
    along_ac = np.linalg.norm(a - c, axis=1) <= np.linalg.norm(b - d, axis=1)
    with_ac, with_bd = quads[along_ac], quads[~along_ac]
    triangles = [with_ac[:, [0, 1, 2]], with_ac[:, [0, 2, 3]]]
    triangles += [with_bd[:, [0, 1, 3]], with_bd[:, [1, 2, 3]]]
    return np.concatenate(triangles)


def mirror_order(num_around: int) -> np.ndarray:
    """Takes a loop to its mirror image, which is counter-clockwise again."""
    return (num_around // 2 - np.arange(num_around)) % num_around


def _grid_quads(grid: np.ndarray, cells: np.ndarray) -> np.ndarray:
    after = np.roll(grid, -1, axis=1)
    corners = (grid[:-1], grid[1:], after[1:], after[:-1])
    return np.stack(corners, axis=-1)[cells]
