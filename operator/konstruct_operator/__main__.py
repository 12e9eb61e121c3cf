"""`python -m konstruct_operator`."""

from konstruct_operator.main import main

main()
