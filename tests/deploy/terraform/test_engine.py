"""The checks bite: what the real provider would refuse is refused here."""

import sys
from textwrap import dedent

import pytest

from tests.deploy.terraform import engine, schema

BROKEN = {
    """
    resource "oci_queue_queue" "a" {
      compartment_id = "c"
      display_name   = "q"
      visibility     = 3
    }
    """: 'An argument named "visibility" is not expected here.',
    """
    resource "oci_queue_queue" "b" {
      compartment_id = "c"
    }
    """: 'The argument "display_name" is required, but no definition was found.',
    """
    resource "oci_queue_queue" "c" {
      compartment_id = "c"
      display_name   = "q"
      config {
      }
    }
    """: 'Blocks of type "config" are not expected here.',
    """
    resource "oci_kms_key" "d" {
      compartment_id      = "c"
      display_name        = "k"
      management_endpoint = "m"
      key_shape           = { algorithm = "AES", length = 32 }
    }
    """: 'An argument named "key_shape" is not expected here.',
    """
    resource "oci_kms_key" "e" {
      compartment_id      = "c"
      display_name        = "k"
      management_endpoint = "m"
      key_shape {
        algorithm = "AES"
        length    = 32
      }
      key_shape {
        algorithm = "AES"
        length    = 32
      }
    }
    """: 'No more than 1 "key_shape" blocks are allowed',
    """
    resource "oci_kms_key" "f" {
      compartment_id      = "c"
      display_name        = "k"
      management_endpoint = "m"
      key_shape {
        algorithm = "AES"
      }
    }
    """: 'The argument "length" is required, but no definition was found.',
    """
    output "g" {
      value = oci_queue_queue.jobs.message_endpoint
    }
    """: 'no argument, nested block, or exported attribute named "message_endpoint".',
    """
    resource "oci_queue_queue" "h" {
      compartment_id       = "c"
      display_name         = "q"
      retention_in_seconds = "a week"
    }
    """: 'Inappropriate value for attribute "retention_in_seconds": a number is required.',
    """
    resource "oci_queue_queue" "i" {
      compartment_id    = "c"
      display_name      = "q"
      messages_endpoint = "m"
    }
    """: 'Can\'t configure a value for "messages_endpoint"',
    """
    output "j" {
      value = oci_core_route_table.function[0].route_rules[0]
    }
    """: 'Block type "route_rules" is represented by a set of objects',
    """
    output "k" {
      value = oci_queue_queue.nobody.id
    }
    """: '"oci_queue_queue" "nobody" has not been declared in the root module.',
    """
    resource "oci_queue_line" "l" {
    }
    """: 'does not support resource type "oci_queue_line".',
    """
    data "oci_kms_key" "m" {
      key_id = "k"
    }
    """: 'The argument "management_endpoint" is required, but no definition was found.',
    """
    resource "oci_resource_scheduler_schedule" "n" {
      action             = "START_RESOURCE"
      compartment_id     = "c"
      recurrence_details = "0 * * * *"
      recurrence_type    = "CRON"
      resources {
        id = "f"
        parameters {
          parameter_type = "BODY"
          value          = "{}"
        }
      }
    }
    """: 'Inappropriate value for attribute "value": list of string required',
}


@pytest.fixture(scope="module")
def complaints():
    """What Terraform says of a copy with every mistake at once, each in a file of its own."""
    with engine.Terraform() as terraform:
        for number, text in enumerate(BROKEN):
            (terraform.source / f"broken{number}.tf").write_text(dedent(text))
        return terraform.validate()


@pytest.mark.parametrize("number", range(len(BROKEN)), ids=list(BROKEN.values()))
def test_mistakes_are_refused(complaints, number):
    """An argument, block, reference, type or index that the provider does not know is refused."""
    said = [one for one in complaints if one.startswith(f"broken{number}.tf: ")]
    assert any(list(BROKEN.values())[number] in one for one in said), said


def test_what_is_missing_says_what_to_do(monkeypatch, tmp_path):
    """Without the provider's argument lists the error says how to get them."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="run `make test`"):
        schema._wheel.__wrapped__()


def test_nothing_is_left_behind():
    """Terraform works on a copy: its source holds nothing but what people wrote."""
    before = sorted(engine.SOURCE.rglob("*"))
    with engine.Terraform() as terraform:
        terraform.apply()
    assert sorted(engine.SOURCE.rglob("*")) == before
