"""`python -m tokit`."""

from tokit.cli.main import run

run()
