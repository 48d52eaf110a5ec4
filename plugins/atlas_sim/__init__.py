"""The venue that needs nobody: a synthetic market, your own files, and a paper broker."""
