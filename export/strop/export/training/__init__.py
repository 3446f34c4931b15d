"""Training a member of the zoo on a folder of labelled images."""
