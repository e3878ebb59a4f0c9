import logging

import pytest


@pytest.fixture
def without_log():
    """Have nothing logged: what goes wrong in a simulation goes wrong on purpose."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
