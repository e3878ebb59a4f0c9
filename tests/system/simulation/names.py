"""Vault names and source keys, worked out apart from the code under test."""

KEY = "{{secretKey}}"


def schema_of(schema, environment):
    """Return a key schema of which only the key is open."""
    return (schema or KEY).replace("{{environment}}", environment)


def rendered(schema, key):
    """Return the vault name of a key."""
    return schema_of(schema, "").replace(KEY, key)


def in_scope(schema, name):
    """Say whether a vault name fits a key schema."""
    prefix, _, suffix = schema_of(schema, "").partition(KEY)
    return name.startswith(prefix) and name.endswith(suffix)


def key_of(schema, name):
    """Return the key of a vault name that fits."""
    prefix, _, suffix = schema_of(schema, "").partition(KEY)
    return name[len(prefix) : len(name) - len(suffix)]
