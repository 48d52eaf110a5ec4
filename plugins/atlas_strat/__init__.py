"""The STRAT: bars named by which side of their predecessor they took, and the setups that follow from the names."""
