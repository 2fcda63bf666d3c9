"""The only code that talks to a runtime: a child process, requests in, frames out."""

from pleg_tui.later import put_off

put_off()
