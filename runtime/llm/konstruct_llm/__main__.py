"""`python -m konstruct_llm` serves; `python -m konstruct_llm openapi` prints the API document."""

import json
import sys

from konstruct_llm.app import openapi_document
from konstruct_llm.main import main

if sys.argv[1:] == ["openapi"]:
    sys.stdout.write(json.dumps(openapi_document(), indent=2, sort_keys=True) + "\n")
else:
    main()
