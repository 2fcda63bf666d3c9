"""`python -m pleg_tui.collector OPTIONS`: started by the feed, never by hand."""

import sys

from pleg_tui.collector.main import main

sys.exit(main(sys.argv[1]))
