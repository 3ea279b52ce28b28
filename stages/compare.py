"""DVC stage `compare`: compare the arms on the same test images."""

from pipeline.workflows import compare
from pipeline.workflows.stage import main

if __name__ == "__main__":
    main("Compare the arms on the same test images.", compare.run)
