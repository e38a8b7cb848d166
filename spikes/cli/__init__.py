"""The command line: one module of arguments, one for each group of commands."""
