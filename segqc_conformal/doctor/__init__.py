"""What could go wrong before it does: one file for each thing that is looked at."""
