"""`python -m konstruct_portal`: serve, or `create-user`."""

from konstruct_portal.main import main

if __name__ == "__main__":
    main()
