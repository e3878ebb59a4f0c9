import base64
from datetime import timedelta

import oci
import pytest
from oci.vault import models

from infra.local.oci.cloud import COMPARTMENT_ID, KEY_ID, VAULT_ID
from infra.local.oci.secret import Durations
from tests.support.local_oci import client, create, refused, update


def test_while_updating_the_former_content_is_served(clock, cloud, vaults, secrets):
    """Until an update has ended, the bundle holds the former version."""
    secret_id = create(vaults, "A").data.id
    cloud.vault.durations = Durations(updating=1)
    update(vaults, secret_id, b"two")
    assert secrets.get_secret_bundle(secret_id).data.version_number == 1
    clock.sleep(1)
    bundle = secrets.get_secret_bundle(secret_id).data
    assert (bundle.version_number, bundle.stages) == (2, ["CURRENT", "LATEST"])
    assert base64.b64decode(bundle.secret_bundle_content.content) == b"two"


def test_tags_replace_all_tags(cloud, vaults):
    """The tags of an update are all the tags there are afterwards; without any they stay."""
    secret_id = create(vaults, "A", freeform_tags={"a": "1"}).data.id
    update(vaults, secret_id, b"two")
    assert cloud.vault.tags("A") == {"a": "1"}
    update(vaults, secret_id, freeform_tags={"b": "2"})
    assert cloud.vault.tags("A") == {"b": "2"}
    assert vaults.get_secret(secret_id).data.current_version_number == 2


def test_tags_may_be_refused(cloud, vaults):
    """Tags with content, or tags at all, can be made to be refused."""
    cloud.vault.refuse_tags_with_content = True
    secret_id = create(vaults, "A", freeform_tags={"a": "1"}).data.id
    assert refused(update, vaults, secret_id, b"two", freeform_tags={})[0] == 400
    update(vaults, secret_id, freeform_tags={})
    cloud.vault.refuse_tags = True
    assert refused(update, vaults, secret_id, freeform_tags={})[0] == 400
    assert refused(create, vaults, "B", freeform_tags={})[0] == 400


def test_versions_have_stages(vaults):
    """Versions are numbered from 1; the current one, the one before and the newest have stages."""
    secret_id = create(vaults, "A").data.id
    for value in (b"two", b"three"):
        update(vaults, secret_id, value)

    def stages():
        listed = oci.pagination.list_call_get_all_results(vaults.list_secret_versions, secret_id)
        return {row.version_number: row.stages for row in listed.data}

    assert stages() == {3: ["CURRENT", "LATEST"], 2: ["PREVIOUS"], 1: ["DEPRECATED"]}
    update(vaults, secret_id, current_version_number=1)
    assert stages() == {3: ["LATEST", "PREVIOUS"], 2: ["DEPRECATED"], 1: ["CURRENT"]}


def test_versions_are_limited_and_can_be_pruned(clock, cloud, vaults):
    """At the limit a new version is refused until a deprecated one is scheduled for deletion."""
    cloud.vault.version_limit = 3
    secret_id = create(vaults, "A").data.id
    for value in (b"two", b"three"):
        update(vaults, secret_id, value)
    assert refused(update, vaults, secret_id, b"four") == (400, "LimitExceeded")

    def prune(number, hours=25):
        when = clock.now() + timedelta(hours=hours)
        details = models.ScheduleSecretVersionDeletionDetails(time_of_deletion=when)
        vaults.schedule_secret_version_deletion(secret_id, number, details)

    assert refused(prune, 3) == (409, "IncorrectState")
    assert refused(prune, 1, hours=23) == (400, "InvalidParameter")
    prune(1)
    update(vaults, secret_id, b"four")
    clock.sleep(25 * 3600)
    assert refused(vaults.get_secret_version, secret_id, 1)[0] == 404


def test_a_reuse_rule_forbids_former_values(cloud, vaults):
    """With a reuse rule a former value cannot be written again, but its version be promoted."""
    rule = {"ruleType": "SECRET_REUSE_RULE", "isEnforcedOnDeletedSecretVersions": True}
    secret_id = cloud.vault.seed("A", b"one", secretRules=[rule])
    update(vaults, secret_id, b"two")
    with pytest.raises(oci.exceptions.ServiceError, match="reuse rule") as caught:
        update(vaults, secret_id, b"one")
    assert (caught.value.status, caught.value.code) == (400, "InvalidParameter")
    update(vaults, secret_id, current_version_number=1)


def test_updates_cannot_be_mixed_at_will(cloud, vaults):
    """Content with a promotion, content of an auto-generated secret, and changes of replicas are refused."""
    secret_id = create(vaults, "A").data.id
    assert refused(update, vaults, secret_id, b"two", current_version_number=1)[0] == 400
    replica = cloud.vault.seed("R", b"x", isReplica=True)
    assert refused(update, vaults, replica, freeform_tags={})[0] == 400
    generated = cloud.vault.seed("G", b"x", isAutoGenerationEnabled=True)
    assert refused(update, vaults, generated, b"y")[0] == 400


def test_a_bundle_is_found_by_version_and_stage(vaults, secrets):
    """A bundle can be asked for by version number or stage, and carries the metadata."""
    secret_id = create(vaults, "A", metadata={"m": "1"}).data.id
    update(vaults, secret_id, b"two")
    first = secrets.get_secret_bundle(secret_id, version_number=1).data
    assert (first.stages, first.metadata) == (["PREVIOUS"], {"m": "1"})
    assert secrets.get_secret_bundle(secret_id, stage="PREVIOUS").data.version_number == 1
    assert secrets.get_secret_bundle(secret_id).data.version_number == 2
    assert refused(secrets.get_secret_bundle, secret_id, version_number=9)[0] == 404
    assert len(secrets.list_secret_bundle_versions(secret_id).data) == 2


def test_a_vault_and_its_keys_are_found(cloud):
    """Vaults are listed and looked up; their management endpoint is the cloud itself."""
    kms = client(oci.key_management.KmsVaultClient, cloud)
    vault = kms.get_vault(VAULT_ID).data
    assert vault.management_endpoint == cloud.url
    assert [row.id for row in kms.list_vaults(COMPARTMENT_ID).data] == [VAULT_ID]
    assert refused(kms.get_vault, "ocid1.vault.oc1.x.none")[0] == 404
    keys = client(oci.key_management.KmsManagementClient, cloud)
    assert [row.id for row in keys.list_keys(COMPARTMENT_ID).data] == [KEY_ID]
    assert keys.get_key(KEY_ID).data.key_shape.algorithm == "AES"
