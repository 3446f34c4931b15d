"""Many networks exported, certified and measured by one command, so that one can be chosen."""
