"""Starting this function again, detached."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import oci  # it loads the services that are named, when they are: most containers start no worker

from functions.cloud.clients import OciCalls


class Function:
    """This function as OCI knows it."""

    def __init__(self, calls: OciCalls, function_ocid: str) -> None:
        self._calls = calls
        self._ocid = function_ocid

    def start(self, body: Mapping[str, object]) -> None:
        self._call(
            oci.functions.FunctionsInvokeClient,
            lambda client: client.invoke_function(
                self._ocid,
                invoke_function_body=json.dumps(body).encode(),
                fn_invoke_type="detached",
            ),
            endpoint=self._invoke_endpoint(),
        )

    def _invoke_endpoint(self) -> str:
        learned = self._calls.clients.learned
        if self._ocid not in learned:
            kind = oci.functions.FunctionsManagementClient
            found = self._call(kind, lambda client: client.get_function(self._ocid))
            learned[self._ocid] = found.data.invoke_endpoint
        return learned[self._ocid]

    def _call(self, kind: Any, use: Callable[[Any], Any], endpoint: str | None = None) -> Any:
        return self._calls.call(kind, use, what=f"function {self._ocid}", endpoint=endpoint)
