"""DVC stage `curves`: chart accuracy against the number of images added."""

from pipeline.workflows import curves
from pipeline.workflows.stage import main

if __name__ == "__main__":
    main("Chart accuracy against the number of images added.", curves.run)
