"""New parts of the pipeline, written from templates that pass their contract tests."""
