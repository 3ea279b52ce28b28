"""DVC stage `synthesize`: sample labelled images from a family's trained models."""

from pipeline.workflows import synthesize
from pipeline.workflows.stage import main_named

if __name__ == "__main__":
    main_named("Sample labelled images from a family's trained models.", "family", synthesize.run)
