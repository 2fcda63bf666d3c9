"""The wire: messages, endpoint, what each runtime can do, and decoding into the model."""
