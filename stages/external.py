"""DVC stage `external`: bring the images of another generator to an arm's shape and unit."""

from pipeline.workflows import external
from pipeline.workflows.stage import main_named

if __name__ == "__main__":
    main_named("Bring the images of another generator into the comparison.", "name", external.run)
