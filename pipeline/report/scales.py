"""What each metric is called, what it counts in, and which of its ends is the better one."""

from __future__ import annotations

NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "auc": "area under the ROC curve",
    "f1": "F1",
    "ece": "calibration error",
}
LOWER_IS_BETTER = frozenset({"ece"})
# Shares of images, told in percentage points.
IN_PERCENT = frozenset({"accuracy", "balanced_accuracy", "sensitivity", "specificity"})
# No share of patients, whose interval would be Wilson's where nothing varies.
NO_SHARES = frozenset({"ece"})
