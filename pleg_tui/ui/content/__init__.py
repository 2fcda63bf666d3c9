"""What the screens say, in plain Python: no Textual, no I/O, no clock of its own."""
