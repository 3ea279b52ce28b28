"""What is in a folder of scans, in counts and ranges that name nobody."""
