"""`python -m konstruct_local` is `konstruct`."""

from konstruct_local.main import main

main()
