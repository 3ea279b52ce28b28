"""DVC stage `assess`: measure fidelity, diversity and copies of a family's images."""

from pipeline.workflows import assess
from pipeline.workflows.stage import main_named

if __name__ == "__main__":
    main_named("Measure fidelity, diversity and copies of a family's images.", "family", assess.run)
