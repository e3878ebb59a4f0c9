"""A deterministic simulation: the function's own code on virtual time, its order decided by a seed."""
