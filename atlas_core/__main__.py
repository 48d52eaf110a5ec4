"""`python -m atlas_core` is `atlas`."""

from __future__ import annotations

from atlas_core.cli.main import main

if __name__ == "__main__":
    main()
