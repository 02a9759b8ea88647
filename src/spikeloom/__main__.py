"""`python -m spikeloom`: the command line."""

from __future__ import annotations

from spikeloom._cli import main

if __name__ == "__main__":
    main()
