"""DVC stage `augment`: write each fold's classically augmented training set."""

from pipeline.workflows import augment
from pipeline.workflows.stage import main

if __name__ == "__main__":
    main("Write each fold's classically augmented training set.", augment.run)
