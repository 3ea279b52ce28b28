"""DVC stage `split`: divide patients into train, validation and test."""

from pipeline.workflows import split
from pipeline.workflows.stage import main

if __name__ == "__main__":
    main("Divide patients into train, validation and test.", split.run)
