"""The benchmark's rule written for other systems, each run by the interpreter of an environment that has them."""
