"""Evidence: who vouches for the files of an export, and whether they are what was certified."""
