"""The Textual app: draws state, computes nothing."""
