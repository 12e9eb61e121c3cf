"""`python -m konstruct_gateway`: see `main`."""

import sys

from konstruct_gateway.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
