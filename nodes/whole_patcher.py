"""ComfyUI's memory management for networks of plain layers: all of the weights, or none.

Where memory is short ComfyUI leaves part of a network behind, which only its own layers can run
with. Knows nothing about what the networks do.
"""

from typing import Any

from comfy.model_patcher import ModelPatcher


class WholePatcher(ModelPatcher):
    def load(self, *given: Any, **options: Any) -> Any:
        return super().load(*given, **(options | {"full_load": True}))

    def partially_unload(self, *_given: Any, **_options: Any) -> int:
        """Bytes that were freed: none, so ComfyUI goes on to unload it as a whole."""
        return 0
