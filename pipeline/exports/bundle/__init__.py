"""The generator as a package: a MONAI Bundle that runs without this project."""
