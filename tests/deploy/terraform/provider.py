"""A stand-in for OCI's Terraform provider: the plugin protocol over the schema of the real one.

The engine judges by the schema: names, nesting, types, what is required.
"""

import json
from collections.abc import Mapping
from typing import Any

from tf.gen import tfplugin_pb2 as pb
from tf.gen import tfplugin_pb2_grpc as rpc
from tf.types import Unknown
from tf.utils import read_dynamic_value as read
from tf.utils import to_dynamic_value as packed

from tests.deploy.terraform import answers, schema

MODES = {
    "list": pb.Schema.NestedBlock.LIST,
    "set": pb.Schema.NestedBlock.SET,
    "single": pb.Schema.NestedBlock.SINGLE,
}


def _block(block: schema.Block) -> pb.Schema.Block:
    return pb.Schema.Block(
        attributes=[
            pb.Schema.Attribute(
                name=name,
                type=json.dumps(one.type).encode(),
                required=one.required,
                optional=one.given and not one.required,
                computed=one.computed,
            )
            for name, one in block.attributes.items()
        ],
        block_types=[
            pb.Schema.NestedBlock(
                type_name=name,
                block=_block(one.block),
                nesting=MODES[one.mode],
                min_items=1 if one.required else 0,
                max_items=1 if one.single and one.mode != "single" else 0,
            )
            for name, one in block.blocks.items()
        ],
    )


def _schema(block: schema.Block) -> pb.Schema:
    return pb.Schema(version=0, block=_block(block))


def _read_only(block: schema.Block, config: pb.DynamicValue) -> list[pb.Diagnostic]:
    """Return an error for each attribute that is set and comes from OCI only."""
    return [
        pb.Diagnostic(
            severity=pb.Diagnostic.ERROR,
            summary=f'Can\'t configure a value for "{name}"',
            attribute=pb.AttributePath(steps=[pb.AttributePath.Step(attribute_name=name)]),
        )
        for name, value in read(config).items()
        if value is not None and name in block.attributes and not block.attributes[name].given
    ]


class StandIn(rpc.ProviderServicer):
    """Serves the resource and data source types; `given` are computed values of types to answer."""

    def __init__(
        self,
        resources: Mapping[str, schema.Block],
        data_sources: Mapping[str, schema.Block],
        given: Mapping[str, Mapping[str, Any]],
    ) -> None:
        self._resources = resources
        self._data_sources = data_sources
        self._given = given

    def GetProviderSchema(self, request, context):  # noqa: N802 -- the protocol's names
        return pb.GetProviderSchema.Response(
            provider=_schema(schema.provider()),
            resource_schemas={name: _schema(block) for name, block in self._resources.items()},
            data_source_schemas={name: _schema(one) for name, one in self._data_sources.items()},
        )

    def ValidateProviderConfig(self, request, context):  # noqa: N802
        return pb.ValidateProviderConfig.Response()

    def ValidateResourceConfig(self, request, context):  # noqa: N802
        said = _read_only(self._resources[request.type_name], request.config)
        return pb.ValidateResourceConfig.Response(diagnostics=said)

    def ValidateDataResourceConfig(self, request, context):  # noqa: N802
        said = _read_only(self._data_sources[request.type_name], request.config)
        return pb.ValidateDataResourceConfig.Response(diagnostics=said)

    def ConfigureProvider(self, request, context):  # noqa: N802
        return pb.ConfigureProvider.Response()

    def UpgradeResourceState(self, request, context):  # noqa: N802
        return pb.UpgradeResourceState.Response(
            upgraded_state=packed(json.loads(request.raw_state.json))
        )

    def ReadResource(self, request, context):  # noqa: N802
        return pb.ReadResource.Response(new_state=request.current_state)

    def PlanResourceChange(self, request, context):  # noqa: N802
        """Whatever OCI may give and the configuration does not is unknown until it is created."""
        planned = read(request.proposed_new_state)
        if planned is None or read(request.prior_state) is not None:
            return pb.PlanResourceChange.Response(planned_state=request.proposed_new_state)
        for name, one in self._resources[request.type_name].attributes.items():
            if one.computed and planned[name] is None:
                planned[name] = Unknown
        return pb.PlanResourceChange.Response(planned_state=packed(planned))

    def ApplyResourceChange(self, request, context):  # noqa: N802
        planned = read(request.planned_state)
        if planned is None:
            return pb.ApplyResourceChange.Response(new_state=request.planned_state)
        attributes = self._resources[request.type_name].attributes
        unknown = [name for name in attributes if planned[name] is Unknown]
        known = {name: one for name, one in planned.items() if name not in unknown}
        computed = {name: answers.value(name, attributes[name].type) for name in unknown}
        if "id" in computed:
            computed["id"] = answers.ocid(request.type_name, known)
            computed |= self._given.get(request.type_name, {})
        return pb.ApplyResourceChange.Response(new_state=packed(planned | computed))

    def ReadDataSource(self, request, context):  # noqa: N802
        name = request.type_name
        state = answers.found(name, self._data_sources[name], read(request.config))
        return pb.ReadDataSource.Response(state=packed(state | self._given.get(name, {})))

    def StopProvider(self, request, context):  # noqa: N802
        return pb.StopProvider.Response()
