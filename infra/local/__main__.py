"""The local stack as a program."""

import sys

from infra.local.run import main

sys.exit(main(sys.argv[1:]))
