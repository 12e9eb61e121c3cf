"""`python -m konstruct_llm`: see `main`."""

import sys

from konstruct_llm.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
