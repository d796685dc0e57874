"""`python -m edgecore.cli`."""

from . import main

main()
