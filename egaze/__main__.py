"""`python -m egaze` is the program `egaze`."""

from egaze.cli import main

main()
