"""The messages that wake the function without HTTP: the alarm's tick, and an object's event."""

import json
from uuid import uuid4

from functions.ports import Clock
from infra.local.oci.cloud import BUCKET, COMPARTMENT_ID, NAMESPACE, REGION

ALARM_ID = f"ocid1.alarm.oc1.{REGION}.local"


def alarm(clock: Clock, *, first: bool) -> bytes:
    """Return what Notifications sends for an alarm that fires, or goes on firing."""
    now = clock.now()
    message = {
        "dedupeKey": "local-tick",
        "title": "oci-vault-sync tick",
        "body": "Always firing: its repetition is a clock.",
        "type": "OK_TO_FIRING" if first else "REPEAT",
        "severity": "INFO",
        "timestampEpochMillis": int(now.timestamp() * 1000),
        "timestamp": now.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "alarmMetaData": [
            {
                "id": ALARM_ID,
                "status": "FIRING",
                "severity": "INFO",
                "namespace": "oci_queue",
                "query": "MessagesInQueueCount[1m].count() >= 0",
                "totalMetricsFiring": 1,
                "dimensions": [{}],
            }
        ],
        "version": 1.1,
    }
    return json.dumps(message).encode()


def object_event(clock: Clock, name: str) -> bytes:
    """Return what Events sends for an object that was written."""
    event = {
        "eventType": "com.oraclecloud.objectstorage.updateobject",
        "cloudEventsVersion": "0.1",
        "eventTypeVersion": "2.0",
        "source": "ObjectStorage",
        "eventTime": clock.now().isoformat(timespec="seconds").replace("+00:00", "Z"),
        "contentType": "application/json",
        "data": {
            "compartmentId": COMPARTMENT_ID,
            "compartmentName": "local",
            "resourceName": name,
            "resourceId": f"/n/{NAMESPACE}/b/{BUCKET}/o/{name}",
            "availabilityDomain": "local",
            "additionalDetails": {
                "bucketName": BUCKET,
                "namespace": NAMESPACE,
                "archivalState": "Available",
            },
        },
        "eventID": str(uuid4()),
        "extensions": {"compartmentId": COMPARTMENT_ID},
    }
    return json.dumps(event).encode()
