"""Runs the command line for `python -m sandbox_mta`."""

from sandbox_mta.cli import main

main()
