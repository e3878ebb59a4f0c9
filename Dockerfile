FROM fnproject/python:3.12-dev AS build
WORKDIR /function
COPY requirements.txt .
RUN pip3 install --target /python --no-cache-dir -r requirements.txt

# The SDKs of all services of OCI and AWS would be nine tenths of the image; these are the ones in use
# (and what they import). What the fdk asks for only to build and test itself goes too.
RUN cd /python/oci \
    && find . -mindepth 1 -maxdepth 1 -type d \
        ! -name _vendor ! -name auth ! -name circuit_breaker ! -name dns ! -name functions \
        ! -name identity ! -name key_management ! -name monitoring ! -name object_storage \
        ! -name ons ! -name pagination ! -name queue ! -name retry ! -name secrets ! -name vault \
        ! -name work_requests \
        -exec rm -r {} + \
    && find /python/botocore/data -mindepth 1 -maxdepth 1 -type d ! -name s3 -exec rm -r {} + \
    && cd /python \
    && rm -rf Cython cython.py pyximport pip setuptools wheel pkg_resources pygments _pytest pytest \
        pytest_asyncio

COPY functions functions
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /python /function

# Proves that what is left is enough: every client can be made, and the function and the fdk load.
RUN PYTHONPATH=/function:/python python3 -c "\
from oci.functions import FunctionsInvokeClient, FunctionsManagementClient; \
from oci.identity import IdentityClient; \
from oci.key_management import KmsManagementClient, KmsVaultClient; \
from oci.monitoring import MonitoringClient; \
from oci.object_storage import ObjectStorageClient; \
from oci.ons import NotificationDataPlaneClient; \
from oci.queue import QueueClient; \
from oci.secrets import SecretsClient; \
from oci.vault import VaultsClient; \
import boto3, fdk.scripts.fdk, fdk.runner, oci.auth.signers, functions.func; \
boto3.client('s3', region_name='none', aws_access_key_id='none', aws_secret_access_key='none')"

FROM fnproject/python:3.12
COPY --from=build /python /python
COPY --from=build /function /function
ENV PYTHONPATH=/function:/python
USER 1000:1000
ENTRYPOINT ["/python/bin/fdk", "/function/functions/func.py", "handler"]
