"""Opens the user's model as a Source: a float function, its input and its output."""
