"""Stage two of PAD: what is said, in lips alone (Sec. 3.1, Eq. 4-5).

    L = 0.01 ||l - beta||_2 + L_lip, L_lip = -log P(X | V) of a lip reader on the rendered lips

Identity is frozen, and so is the lip reader. Knows nothing about emotion.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from imagineid_core.listen.content import ContentNet
from imagineid_core.listen.identity import IdentityNet
from imagineid_core.training.batches import WindowBatch
from imagineid_core.training.lip_reader import LipReader, agreement_loss, text_loss
from imagineid_core.training.losses import distance
from imagineid_core.training.mouth_picture import Look, MouthCamera, random_look
from imagineid_core.training.stage import Stage
from imagineid_core.values import FaceBasis


@dataclass(frozen=True, kw_only=True)
class ContentLossConfig:
    regularisation: float = 0.01  # the paper's
    target: str = "expression"  # the paper's beta; "lip_expression" where a corpus knows l itself
    lip_reading: float = 1.0  # 0 leaves the lip reader out
    num_read: int | None = None  # windows of each batch that are drawn and read; None: all


class ContentStage(Stage[ContentNet]):
    """Draws the first `num_read` windows of a batch: drawing costs more than all the rest."""

    identity: IdentityNet
    reader: nn.Module
    camera: MouthCamera

    def __init__(
        self,
        net: ContentNet,
        identity: IdentityNet,
        loss: ContentLossConfig,
        *,
        reader: LipReader | None = None,
        basis: FaceBasis | None = None,
    ) -> None:
        super().__init__(net)
        self.loss = loss
        self.hold("identity", identity)
        if loss.lip_reading:
            assert isinstance(reader, nn.Module)
            assert basis is not None
            self.hold("reader", reader)
            self.hold("camera", MouthCamera(basis))

    def forward(self, batch: WindowBatch) -> dict[str, Tensor]:
        assert batch.expression is not None
        with torch.no_grad():
            shape = self.identity(batch.windows).shape
        lips = self.learned(batch.windows, shape).lip_expression
        truth = getattr(batch, self.loss.target)
        assert truth is not None
        regularisation = distance(truth, lips)
        terms = {"loss": self.loss.regularisation * regularisation, "distance": regularisation}
        if batch.lip_expression is not None:
            with torch.no_grad():  # told, whatever is trained on
                terms["lip_distance"] = distance(batch.lip_expression, lips)
        if self.loss.lip_reading:
            reading = self._reading_loss(batch, shape, lips)
            terms["lip_reading"] = reading
            terms["loss"] = terms["loss"] + self.loss.lip_reading * reading
        return terms

    def _reading_loss(
        self,
        batch: WindowBatch,
        shape: Float[Tensor, "batch shape"],
        lips: Float[Tensor, "batch frames expression"],
    ) -> Float[Tensor, ""]:
        read = slice(0, self.loss.num_read)
        look = random_look(self.camera.basis, len(lips[read]), lips.device)
        log_probabilities = self._read(shape[read], lips[read], look)
        reader = self.reader
        assert isinstance(reader, LipReader)
        if reader.symbols is not None:
            assert batch.symbols is not None
            assert batch.num_symbols is not None
            symbols, counts = batch.symbols[read], batch.num_symbols[read]
            return text_loss(log_probabilities, symbols, counts, blank=reader.blank)
        assert batch.expression is not None
        with torch.no_grad():
            truth = self._read(shape[read], batch.expression[read], look)
        return agreement_loss(log_probabilities, truth)

    def _read(self, shape: Tensor, lips: Tensor, look: Look) -> Tensor:
        return self.reader(self.camera(shape, lips, look))
