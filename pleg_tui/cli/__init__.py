"""The command line: one small module a subcommand, text and JSON output."""

from pleg_tui.later import put_off

put_off()
