"""What watches a training for one way of going wrong.

To add one: a file here with a class that satisfies `Monitor`, and one line in
`registry.MONITORS`; the contract tests run it. A monitor is a function of the history alone, so
that an interrupted training finds what an uninterrupted one does. It says the same for as long as
something is wrong; the history keeps what is new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol

Row = Mapping[str, float]


class Monitor(Protocol):
    """Watches for one failure mode.

    Attributes:
        action: What its alarm does unless params.yaml says otherwise: `warn`, `stop`, or
            `roll_back` to the last good weights at half the learning rate.
    """

    action: ClassVar[str]

    def __call__(self, history: Sequence[Row]) -> str | None:
        """Say what is wrong and what to try, or nothing.

        Args:
            history: One row every few steps, oldest first, of the weights that are in use: `step`;
                `loss_<term>` of every phase; `gradient_<network>`, the largest norm since the
                last row; `d_real`, `d_fake` (mean sigmoid of the discriminator's logits) and
                `d_accuracy` (share of images on the right side of zero) where the family has
                logits with a zero, which a critic's have not; `skipped`, the share of optimiser
                steps that were left out because they were not finite, if there were any; and in
                the rows of an examination what `Examiner` returns.
        """


def lately(history: Sequence[Row], figure: str, count: int) -> list[float]:
    """The last `count` values of a figure, oldest first; none before there are so many."""
    values = [row[figure] for row in history if figure in row]
    return values[-count:] if len(values) >= count else []
