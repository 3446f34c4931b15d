"""The device half's subcommands; each is one file beside this one."""
