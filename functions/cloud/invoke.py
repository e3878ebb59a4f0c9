"""Starting this function again, detached."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import oci  # it loads the services that are named, when they are: most containers start no worker

from functions.calls.deadline import Gate
from functions.calls.retry import Retrying
from functions.cloud.clients import Clients


class Function:
    """This function as OCI knows it; lives as long as the container."""

    def __init__(self, clients: Clients, function_ocid: str, random: Callable[[], float]) -> None:
        self.clients = clients
        self.ocid = function_ocid
        self.invoke_endpoint: str | None = None
        self._random = random

    def open(self, gate: Gate) -> "OpenFunction":
        """Return the function for one invocation."""
        return OpenFunction(self, Retrying(gate, self._random))


class OpenFunction:
    """The function of one invocation, as `Invoker` describes it."""

    def __init__(self, function: Function, retrying: Retrying) -> None:
        self._function = function
        self._retrying = retrying

    def start(self, body: Mapping[str, object]) -> None:
        """Start a detached invocation. Raises Temporary, Refused."""
        ocid = self._function.ocid
        if self._function.invoke_endpoint is None:
            kind = oci.functions.FunctionsManagementClient
            found = self._call(kind, lambda client: client.get_function(ocid))
            self._function.invoke_endpoint = found.data.invoke_endpoint
        self._call(
            oci.functions.FunctionsInvokeClient,
            lambda client: client.invoke_function(
                ocid,
                invoke_function_body=json.dumps(body).encode(),
                fn_invoke_type="detached",
            ),
            endpoint=self._function.invoke_endpoint,
        )

    def _call(self, kind: Any, use: Callable[[Any], Any], endpoint: str | None = None) -> Any:
        what = f"function {self._function.ocid}"
        return self._retrying.call(
            lambda: self._function.clients.call(kind, use, what=what, endpoint=endpoint)
        )
