"""What a container runs: `start.py …/func.py handler` serves the function by the fdk."""

import asyncio
import gc
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader

SELDOM_USED = {
    "cryptography.x509",  # reads certificates, which a function's principal has none of
    "importlib.metadata",  # where pydantic would look for plugins
}


class _Late:
    """Loads what is seldom used when it is."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, _target: object = None
    ) -> ModuleSpec | None:
        if name not in SELDOM_USED:
            return None
        spec = PathFinder.find_spec(name, path)
        if spec and spec.loader:
            spec.loader = LazyLoader(spec.loader)
        return spec


gc.disable()  # while all is loaded, there is no garbage; func.py enables it
sys.meta_path.insert(0, _Late)
# fdk asks for the current event loop before it makes its own; Python 3.14 has none to give.
asyncio.set_event_loop(asyncio.new_event_loop())

from fdk.scripts.fdk import main  # noqa: E402

main()
