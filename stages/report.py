"""DVC stage `report`: write the page that a person looks at."""

from pipeline.workflows import report
from pipeline.workflows.stage import main

if __name__ == "__main__":
    main("Write the page that a person looks at.", report.run)
