"""`python -m tokit`."""

from tokit.cli.start import run

run()
