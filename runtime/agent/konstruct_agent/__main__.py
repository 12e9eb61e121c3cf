"""`python -m konstruct_agent`."""

from konstruct_agent.main import main

main()
