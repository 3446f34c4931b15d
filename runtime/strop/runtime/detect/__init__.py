"""From a detector's numbers to boxes, and what is true of them."""
