"""`python -m peakproof` is the `peakproof` command."""

from .cli import main

if __name__ == "__main__":
    main()
