"""`python -m pleg_tui` is `pleg-tui`."""

from pleg_tui.cli.main import console

if __name__ == "__main__":
    console()
