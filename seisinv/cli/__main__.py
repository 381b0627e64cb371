"""`python -m seisinv.cli`."""

from seisinv.cli import main

main()
