"""The command line: one small module a subcommand."""
