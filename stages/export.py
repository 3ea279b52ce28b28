"""DVC stage `export`: write a family's images in formats that others read."""

from pipeline.workflows import export
from pipeline.workflows.stage import main_named

if __name__ == "__main__":
    main_named("Write a family's images in formats that others read.", "family", export.run)
