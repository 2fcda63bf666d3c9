"""The switch: is the node ready for events, take it there, prove it, and bring it back."""
