"""The workflows' pictures, made by running them: workflows/NAME.jpg, for the template browser.

    make thumbnails COMFYUI_PATH=... [COMFYUI_PYTHON=...] [WORKFLOWS="listen_imagine long_audio"]

A film gives the frame in which the mouth is open most; what needs downloads is shown by its mesh.
Look at every picture before it is committed.
"""

import argparse
import io
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

import av
from host.comfy_server import ComfyServer
from host.graphs import Prompt, changed, node
from host.stand_ins import save_lora
from host.workflow_prompt import prompt_of
from PIL import Image

FOLDER = Path(__file__).parents[2] / "workflows"
SIZE, QUALITY = 384, 90
SECONDS = 1.2  # of the voice, where a moment of it is enough
SETTLED = 8  # frames at the start that are not chosen
LORA = "models/loras"


@dataclass(frozen=True)
class Run:
    """One workflow, which may be changed, in a running ComfyUI."""

    server: ComfyServer
    prompt: Prompt

    def named(self, kind: str) -> str:
        return next(name for name, one in self.prompt.items() if one["class_type"] == kind)

    def changed(self, kind: str, **inputs: object) -> "Run":
        return Run(self.server, changed(self.prompt, self.named(kind), **inputs))

    def film(self) -> tuple[list[Image.Image], Sequence[float]]:
        """Every frame as a square without its label, and the curve of the mouth."""
        save, head = self.named("SaveVideo"), self.named("ImagineID_HeadMotion")
        outputs = self.server.outputs(ancestors(self.prompt, save))
        (told,) = outputs[save]["images"]
        with av.open(self.server.home / "output" / told["subfolder"] / told["filename"]) as film:
            frames = [frame.to_image() for frame in film.decode(video=0)]
        return [squared(frame) for frame in frames], outputs[head]["imagineid_timeline"][0]["mouth"]

    def picture(self, kind: str, slot: int, number: int = 0) -> Image.Image:
        """One picture of those that come out of a node."""
        shown = {"shown": node("PreviewImage", images=[self.named(kind), slot])}
        outputs = self.server.outputs(ancestors(self.prompt | shown, "shown"))
        told = urlencode(outputs["shown"]["images"][number])
        opened = Image.open(io.BytesIO(self.server.get_bytes(f"/view?{told}")))
        return squared(opened.convert("RGB"))


def speaking(run: Run) -> Image.Image:
    frames, mouth = run.changed("ImagineID_AudioLoader", seconds=SECONDS).film()
    return frames[widest(mouth, len(frames))]


def begin_and_end(run: Run) -> Image.Image:
    frames, _mouth = run.film()
    return halves(frames[SETTLED], frames[-1])


def without_lora(run: Run) -> Image.Image:
    """No LoRA comes with the pack, so one that does nothing stands in."""
    place = run.server.home / LORA / run.prompt[run.named("LoraLoader")]["inputs"]["lora_name"]
    place.parent.mkdir(parents=True, exist_ok=True)
    from imagineid_core.assets import IMAGINE, check_suite
    from imagineid_core.imagine.stable_diffusion import load_stable_diffusion

    suite = load_stable_diffusion(check_suite(IMAGINE))
    save_lora(place, suite.unet, suite.text_encoder)
    return speaking(run.changed("LoraLoader", strength_model=0.0, strength_clip=0.0))


def mesh(run: Run) -> Image.Image:
    run = run.changed("ImagineID_AudioLoader", seconds=SECONDS)
    return run.changed("ImagineID_MeshRender", pictures=True).picture("ImagineID_MeshRender", 1, 12)


def normals_and_depth(run: Run) -> Image.Image:
    run = run.changed("ImagineID_AudioLoader", seconds=SECONDS)
    run = run.changed("ImagineID_MeshRender", pictures=True)
    return halves(*(run.picture("ImagineID_MeshRender", slot, 12) for slot in (4, 5)))


def blended(run: Run) -> Image.Image:
    return run.picture("ImagineID_MaskBlendVAEDecode", 0)


PICTURES: Mapping[str, Callable[[Run], Image.Image]] = {
    "listen_imagine": speaking,
    "swap_factors": speaking,
    "edit_emotion": begin_and_end,
    "long_audio": speaking,
    "portrait_to_talk": speaking,
    "background_and_mask": blended,
    "with_lora": without_lora,
    "with_controlnet": normals_and_depth,
    "listen_imagine_sd15": mesh,
}


def ancestors(prompt: Prompt, *names: str) -> Prompt:
    """What these nodes need, and they themselves."""
    wanted, waiting = set(), list(names)
    while waiting:
        name = waiting.pop()
        wanted.add(name)
        links = [held for held in prompt[name]["inputs"].values() if isinstance(held, list)]
        waiting += [origin for origin, _slot in links if origin not in wanted]
    return {name: one for name, one in prompt.items() if name in wanted}


def widest(mouth: Sequence[float], count: int) -> int:
    """The frame with the largest opening; the curve may have fewer points than there are frames."""
    step = (len(mouth) - 1) / max(1, count - 1)
    return max(range(min(SETTLED, count - 1), count), key=lambda frame: mouth[round(frame * step)])


def squared(picture: Image.Image) -> Image.Image:
    """The upper square, where a film's pictures are, at the thumbnails' size."""
    return picture.crop((0, 0, picture.width, picture.width)).resize((SIZE, SIZE), Image.LANCZOS)


def halves(left: Image.Image, right: Image.Image) -> Image.Image:
    """The middles of both, side by side."""
    joined = Image.new("RGB", (SIZE, SIZE))
    for number, one in enumerate((left, right)):
        joined.paste(one.crop((SIZE // 4, 0, SIZE * 3 // 4, SIZE)), (number * SIZE // 2, 0))
    return joined


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the workflows' pictures by running them.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="workflows; none: all of them")
    names = parser.parse_args().names or list(PICTURES)
    if unknown := sorted(set(names) - set(PICTURES)):
        parser.error(f"there is no workflow {', '.join(unknown)}; there are {', '.join(PICTURES)}")
    comfy = Path(os.environ["COMFYUI_PATH"])
    python = os.environ.get("COMFYUI_PYTHON", sys.executable)
    with TemporaryDirectory() as folder:
        server = ComfyServer(comfy, python, Path(folder) / "comfy")
        try:
            info = server.get("/object_info")
            for name in names:
                workflow = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
                made = PICTURES[name](Run(server, prompt_of(workflow, info)))
                made.save(FOLDER / f"{name}.jpg", quality=QUALITY)
                print(FOLDER / f"{name}.jpg", flush=True)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
