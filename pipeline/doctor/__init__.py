"""What a machine and a project need before the pipeline runs, a file a subject."""
