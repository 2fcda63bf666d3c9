"""The only code that talks to a runtime; runs as a child process."""
