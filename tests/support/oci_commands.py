"""Run commands of the real oci CLI in one process: a JSON list of words a line, in and out."""

import json
import sys

from click.testing import CliRunner
from oci_cli.cli import cli
from oci_cli.dynamic_loader import load_service

for line in sys.stdin:
    service, *rest = json.loads(line)
    load_service(service)
    done = CliRunner().invoke(cli, [service, *rest])
    print(json.dumps([done.exit_code, done.output]))  # noqa: T201
