"""What watches a training for one way of going wrong.

To add one: a file here with a class that satisfies `Monitor`, and one line in
`registry.MONITORS`; the contract tests run it. A monitor is a function of the history alone, so
that an interrupted training finds what an uninterrupted one does.
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
                `d_accuracy` where there are any; and in the rows of an examination what
                `Examiner` returns.
        """
