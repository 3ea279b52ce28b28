"""DVC stage `classify`: train an arm's classifiers and predict the test rows."""

from pipeline.workflows import classify
from pipeline.workflows.stage import main_named

if __name__ == "__main__":
    main_named("Train an arm's classifiers and predict the test rows.", "arm", classify.run)
