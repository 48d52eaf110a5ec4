"""Proofs about a profile on its own market: that it sees no future, that its warm-up suffices, that its modes agree."""
