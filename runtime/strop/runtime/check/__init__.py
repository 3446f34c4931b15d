"""`strop check`: whether one artifact is slower than another, without false alarms."""
