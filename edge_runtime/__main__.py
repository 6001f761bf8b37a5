"""`python -m edge_runtime` is the command `edge-runtime`."""

from edge_runtime.cli import main

main()
