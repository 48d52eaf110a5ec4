"""Trying many settings of one profile: spaces, trials, the ledger of all trials, and what a chosen one is worth."""
