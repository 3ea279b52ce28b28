"""What fidelity figures are called for readers: on the report page, and on cards of exports.

To name a new one: a line in `FIGURES`.
"""

from __future__ import annotations

FIGURES = {
    "kid": ("Kernel distance (KID)", "lower is closer to real images"),
    "frechet": ("Fréchet distance", "lower is closer to real images"),
    "precision": ("Precision", "share of images that look real; higher is better"),
    "recall": ("Recall", "share of the real variety that is covered; higher is better"),
    "density": ("Density", "real neighbourhoods that an image lies in; near 1 for real ones"),
    "coverage": ("Coverage", "share of real images with a synthetic one nearby; higher is better"),
    "ms_ssim": ("Likeness of two images (MS-SSIM)", "mean over pairs; above the floor means "
                "less variety"),
    "c2st_accuracy": ("Told apart from real images (C2ST)", "accuracy of a classifier of real "
                      "against synthetic; 0.5 is chance"),
    "c2st_p": ("... by chance", "p of an accuracy that high without any difference"),
    "label_agreement": ("Shows the class it was asked for", "share that a classifier of real "
                        "images agrees with; as the floor its accuracy on held-out ones"),
    "label_agreement_low": ("... at least", "lower end of the 95% interval"),
    "label_chance": ("... by chance", "always naming the commonest class"),
    "dice": ("Overlap of masks (Dice)", "of a segmentation learnt from real images with the masks; "
             "in the floor's place with those of held-out ones"),
    "dice_ratio": ("... over the held-out images'", "1 where masks are as true as real ones"),
    "nearest_median": ("Distance to the nearest training image", "median; far below the floor "
                       "means copying"),
    "nearest_p05": ("Distance to the nearest training image, closest 5%", "far below the floor "
                    "means copying"),
    "share_near_training": ("Share nearer to training images than held-out ones are", "5% where "
                            "nothing is copied"),
    "images": ("Images compared", "in each draw"),
}  # fmt: skip
# They tell of copies, and stand with these.
DISTANCES = frozenset({"nearest_median", "nearest_p05", "share_near_training"})
