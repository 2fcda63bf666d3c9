"""What the live list says, row by row, in plain Python: no Textual, no I/O, no clock of its own."""
