"""`python -m pleg_tui.collector OPTIONS`: started by the feed, never by hand."""

import gc
import sys

gc.disable()  # what is imported stays: nothing of it is worth a search

from pleg_tui.collector.main import main  # noqa: E402

gc.freeze()
gc.enable()
sys.exit(main(sys.argv[1]))
