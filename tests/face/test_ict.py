"""The ICT-FaceKit loader, on a folder of the same files with 12 x 12 vertices for a face."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from imagineid_core.errors import WeightsError
from imagineid_core.face.ict import EXPRESSION_INDEX, EXPRESSIONS, load_ict
from imagineid_core.face.ict_parts import IctParts

# Same order of parts as the kit; 6 vertices a part but the face; 212.. stand for fluids and lashes.
PARTS = IctParts(
    narrow_face=(0, 132),
    face=(0, 144),
    head_and_neck=(144, 150),
    mouth_socket=(150, 156),
    eye_sockets=(156, 162),
    gums=(162, 168),
    teeth=(168, 174),
    left_eyeball=(174, 180),
    right_eyeball=(186, 192),  # 180..186: an inner eyeball, dropped
)
NUM_VERTICES = 200
NAMES = [*(f"identity{k:03d}" for k in range(80)), *EXPRESSIONS]


def neutral() -> np.ndarray:
    """A bent sheet of 16 x 20 cm, rows from the top, and octahedra behind it."""
    row, column = np.divmod(np.arange(144), 12)
    x, y = (column / 11 - 0.5) * 16, (0.5 - row / 11) * 20
    sheet = np.stack([x, y, 10 - x**2 / 40 - y**2 / 60], axis=1)
    octahedron = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])
    centres = {150: (0, -4, 8), 174: (3, 3, 8), 180: (3, 3, 8), 186: (-3, 3, 8)}
    others = [octahedron + np.array(centres.get(k, (0, 0, -3))) for k in range(144, 198, 6)]
    return np.concatenate([sheet, *others, np.zeros((2, 3))])


def write_obj(path: Path, vertices: np.ndarray, polygons: list[tuple[int, ...]]) -> None:
    lines = ["# a copyright notice", *("v {:.6f} {:.6f} {:.6f}".format(*v) for v in vertices)]
    lines += ["vt 0 0", "usemtl M_Face"]
    lines += ["f " + " ".join(f"{corner + 1}/1" for corner in polygon) for polygon in polygons]
    path.write_text("\n".join(lines), encoding="utf-8")


def polygons() -> list[tuple[int, ...]]:
    quads = [
        (k, k + 12, k + 13, k + 1)
        for k in range(132)
        if k % 12 < 11  # seen from +z: ccw
    ]
    triangles = [(a, a + 2, a + 4) for a in range(144, 198, 6)]
    return [*quads, *triangles]


@pytest.fixture(scope="module")
def kit(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("kit é") / "FaceXModel"
    folder.mkdir()
    write_obj(folder / "generic_neutral_mesh.obj", neutral(), polygons())
    for k, name in enumerate(NAMES):
        moved = neutral()
        moved[k % 144, 1] += 1.0 + k / 100  # cm
        write_obj(folder / f"{name}.obj", moved, [])
    # Eyes at (+-3, 3), nose at the origin, mouth corners at (+-2, -4), as far as the grid allows.
    places = np.linspace(0, 143, 68).astype(int)
    grid = {36: (-4, 3), 39: (-2, 3), 42: (2, 3), 45: (4, 3), 30: (0, 0), 48: (-3, -4), 54: (3, -4)}
    for landmark, place in grid.items():
        places[landmark] = np.abs(neutral()[:132, :2] - place).sum(axis=1).argmin()
    listed = {"idx_to_landmark_verts": places.tolist(), "expressions": list(EXPRESSIONS)}
    (folder / "vertex_indices.json").write_text(json.dumps(listed), encoding="utf-8")
    return folder


@pytest.fixture
def own_kit(kit, tmp_path) -> Path:
    """A copy that a test may damage; the files are links to save time."""
    folder = tmp_path / "FaceXModel"
    folder.mkdir()
    for file in kit.glob("*.[oj][bs]*"):
        if file.suffix in (".obj", ".json"):
            (folder / file.name).symlink_to(file)
    return folder


def replace(folder: Path, name: str, content: str) -> None:
    (folder / name).unlink()
    (folder / name).write_text(content, encoding="utf-8")


def test_the_expressions_are_the_fifty_three_of_the_kit():
    assert len(EXPRESSIONS) == len(set(EXPRESSIONS)) == 53
    assert EXPRESSIONS[0] == "browDown_L"
    assert EXPRESSIONS[-1] == "noseSneer_R"
    assert EXPRESSION_INDEX["jawOpen"] == EXPRESSIONS.index("jawOpen")


def test_the_kit_becomes_a_basis_of_the_usual_size(kit, tmp_path):
    basis = load_ict(kit, cache_folder=tmp_path, parts=PARTS)
    assert basis.shape_basis.shape == (186, 3, 80)  # without the inner eyeball and the fluids
    assert basis.expression_basis.shape == (186, 3, 64)
    assert basis.texture_basis.abs().max() == 0
    assert basis.expression_basis[..., 53:].abs().max() == 0


def test_modes_are_offsets_in_decimetres_at_their_place(kit, tmp_path):
    basis = load_ict(kit, cache_folder=tmp_path, parts=PARTS)
    # Files hold six decimals of centimetres.
    assert basis.shape_basis[7, 1, 7].item() == pytest.approx(0.107, abs=1e-6)
    jaw = EXPRESSION_INDEX["jawOpen"]
    offsets = basis.expression_basis[..., jaw]
    assert offsets.nonzero().tolist() == [[(80 + jaw) % 144, 1]]


def test_the_head_is_moved_to_where_the_camera_expects_a_face(kit, tmp_path):
    basis = load_ict(kit, cache_folder=tmp_path, parts=PARTS)
    mean = basis.mean_vertices
    eyes = (mean[basis.landmarks[[36, 39]]].mean(0) + mean[basis.landmarks[[42, 45]]].mean(0)) / 2
    assert abs(eyes[0].item()) < 0.05
    assert eyes[1] > 0.1  # above the centre of the picture
    assert mean[basis.landmarks[48], 1] < -0.1


def test_polygons_become_fans_without_those_of_dropped_vertices(kit, tmp_path):
    basis = load_ict(kit, cache_folder=tmp_path, parts=PARTS)
    kept_octahedra = 8  # nine parts of six behind the face, less the inner eyeball
    assert len(basis.triangles) == 2 * 121 + kept_octahedra - 1  # 192..198 are fluids
    assert basis.triangles[:2].tolist() == [[0, 12, 13], [0, 13, 1]]


def test_parts_have_their_colours_and_regions(kit, tmp_path):
    basis = load_ict(kit, cache_folder=tmp_path, parts=PARTS)
    teeth = basis.mean_albedo[PARTS.mask(PARTS.teeth)].mean(0)
    socket = basis.mean_albedo[PARTS.mask(PARTS.mouth_socket)].mean(0)
    assert teeth.min() > 0.75
    assert socket.max() < 0.4
    eyeball = basis.mean_albedo[PARTS.mask(PARTS.left_eyeball)]
    assert eyeball[:, 2].min() < 0.1  # the pupil
    assert eyeball[:, 2].max() > 0.8  # the white
    assert basis.mouth[PARTS.mask(PARTS.teeth)].all()
    assert basis.eyes[PARTS.mask(PARTS.right_eyeball)].all()
    assert not basis.front[PARTS.mask(PARTS.head_and_neck)].any()


@pytest.mark.parametrize(
    ("name", "axis", "sign"),
    [
        ("eyeLookIn_L", 0, -1),
        ("eyeLookOut_L", 0, 1),
        ("eyeLookUp_L", 1, 1),
        ("eyeLookDown_L", 1, -1),
    ],
)
def test_a_look_turns_the_eyeball_rigidly(kit, tmp_path, name, axis, sign):
    basis = load_ict(kit, cache_folder=tmp_path, parts=PARTS)
    ball = PARTS.mask(PARTS.left_eyeball)
    turned = basis.mean_vertices[ball] + basis.expression_basis[ball][..., EXPRESSION_INDEX[name]]
    centre = basis.mean_vertices[ball].mean(0)
    before = (basis.mean_vertices[ball] - centre).norm(dim=-1)
    torch.testing.assert_close((turned - centre).norm(dim=-1), before, atol=1e-5, rtol=0)
    pupil = basis.mean_vertices[ball][:, 2].argmax()
    assert sign * (turned[pupil] - centre)[axis] > 0.03


def test_the_second_reading_comes_from_the_cache(own_kit, tmp_path, monkeypatch):
    first = load_ict(own_kit, parts=PARTS)
    monkeypatch.setattr("imagineid_core.face.ict._read_obj", None)
    second = load_ict(own_kit.parent, parts=PARTS)  # the folder above is understood too
    assert torch.equal(first.shape_basis, second.shape_basis)
    assert torch.equal(first.mouth, second.mouth)


def test_a_changed_file_makes_the_basis_anew(own_kit):
    before = load_ict(own_kit, parts=PARTS)
    jaw = (own_kit / "jawOpen.obj").read_text(encoding="utf-8")
    replace(own_kit, "jawOpen.obj", jaw.replace("v -8.000000", "v -7.500000", 1))
    after = load_ict(own_kit, parts=PARTS)
    assert not torch.equal(before.expression_basis, after.expression_basis)


def test_a_folder_that_cannot_be_written_costs_only_the_cache(kit, tmp_path, caplog):
    in_the_way = tmp_path / "a file"
    in_the_way.write_text("")
    basis = load_ict(kit, cache_folder=in_the_way, parts=PARTS)
    assert basis.name == "ict"
    assert "could not be kept" in caplog.text


def test_another_folder_is_refused(tmp_path):
    with pytest.raises(WeightsError, match=r"generic_neutral_mesh.obj not found .*FaceXModel"):
        load_ict(tmp_path)


def test_a_missing_mode_is_named(own_kit):
    (own_kit / "identity042.obj").unlink()
    with pytest.raises(WeightsError, match=r"identity042.obj not found"):
        load_ict(own_kit, parts=PARTS)


def test_the_wrong_edition_is_refused_by_vertex_count(kit, tmp_path):
    with pytest.raises(WeightsError, match="generic_neutral_mesh.obj has 200 vertices .* 23791"):
        load_ict(kit, cache_folder=tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("v 0 0 0\nv 1 0 0", "mouthPucker.obj has 2 vertices but generic_neutral_mesh.obj has 200"),
        ("v 0 zero 0", "mouthPucker.obj is not a readable OBJ"),
        ("v 0 0\nv 0 0 0", "mouthPucker.obj is not a readable OBJ"),
    ],
)
def test_a_damaged_mode_is_named(own_kit, content, message):
    replace(own_kit, "mouthPucker.obj", content)
    with pytest.raises(WeightsError, match=message):
        load_ict(own_kit, parts=PARTS)


def test_polygons_beyond_the_vertices_are_refused(own_kit):
    write = (own_kit / "generic_neutral_mesh.obj").read_text(encoding="utf-8")
    replace(own_kit, "generic_neutral_mesh.obj", write + "\nf 1/1 2/1 500/1")
    with pytest.raises(WeightsError, match="generic_neutral_mesh.obj has polygons of vertices"):
        load_ict(own_kit, parts=PARTS)


@pytest.mark.parametrize("content", ["{}", "not json", '{"idx_to_landmark_verts": [1, 2, 199]}'])
def test_a_damaged_landmark_list_is_refused_by_name(own_kit, content):
    replace(own_kit, "vertex_indices.json", content)
    with pytest.raises(WeightsError, match="vertex_indices.json"):
        load_ict(own_kit, parts=PARTS)
