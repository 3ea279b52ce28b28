"""DVC stage `ingest`: decode the scans and quarantine what is broken."""

from pipeline.workflows import ingest
from pipeline.workflows.stage import main

if __name__ == "__main__":
    main("Decode the scans and quarantine what is broken.", ingest.run)
