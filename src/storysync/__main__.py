"""`python -m storysync`."""

import sys

from storysync.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
