"""The digital phantom of the image biomarker standardisation initiative, for tests of radiomics.

Zwanenburg et al., arXiv:1612.07003, section 5.1, CC BY 4.0: grey levels 1 to 6 in 4 slices of 4 x 5
voxels of 2 mm; 0 marks voxels outside of the region. Published values are given to three digits.
"""

import numpy as np

LEVELS = 6
SPACING_MM = np.full(3, 2.0)
PHANTOM = np.array(
    [
        [[1, 4, 4, 1, 1], [1, 4, 6, 1, 1], [4, 1, 6, 4, 1], [4, 4, 6, 4, 1]],
        [[1, 4, 4, 1, 1], [1, 1, 6, 1, 1], [0, 1, 3, 1, 1], [4, 4, 6, 1, 1]],
        [[1, 4, 4, 0, 0], [1, 1, 1, 1, 1], [1, 1, 0, 1, 1], [1, 1, 6, 1, 1]],
        [[1, 4, 4, 0, 0], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 6, 1, 1]],
    ]
)


def agrees(value: float, published: float) -> bool:
    """Whether a value is the published one, which was rounded to three digits."""
    return float(f"{value:.3g}") == published or abs(value / published - 1) < 5e-4
