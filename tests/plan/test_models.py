import oci
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.plan.models import BLOCKING, Origin, State


@pytest.mark.parametrize("model", [oci.vault.models.Secret, oci.vault.models.SecretSummary])
def test_every_lifecycle_state_is_known(model):
    """Every lifecycle state of OCI's secrets is a state here, and UNKNOWN stands for those to come."""
    states = {value for name, value in vars(model).items() if name.startswith("LIFECYCLE_STATE_")}
    assert states == {state.value for state in State} - {"UNKNOWN"}


def test_states_in_transition_block():
    """A state blocks if it passes by itself, or if nobody knows what it means."""
    resting = {State.ACTIVE, State.DELETED, State.PENDING_DELETION, State.FAILED}
    assert frozenset(State) - resting == BLOCKING


KINDS = st.sampled_from(["import", "folder", "sub-folder import"])
PATHS = st.from_regex(r"/|(/[A-Za-z0-9_ :-]+){1,4}", fullmatch=True)


@given(KINDS, st.from_regex(r"[a-z0-9]+(-[a-z0-9]+)*", fullmatch=True), PATHS)
def test_an_origin_is_read_back_from_its_text(kind, environment, path):
    """The text of an origin, as the status keeps it, is read back as the same origin."""
    origin = Origin(kind, environment, path)
    assert Origin.parse(str(origin)) == origin
