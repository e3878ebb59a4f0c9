"""What stands between a function and its source: TLS with a private CA, and a forward proxy."""

import ipaddress
import socket
import ssl
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from infra.local.http import Server

PATIENCE_SECONDS = 20
POLL_SECONDS = 0.02
YEAR = timedelta(days=365)


class PrivateCa:
    """A CA that nobody trusts by default, and a certificate of it for the loopback address."""

    def __init__(self, folder):
        key = ec.generate_private_key(ec.SECP256R1())
        authority = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Private CA")])
        self.pem = self._certificate(authority, key.public_key(), authority, key, is_ca=True)
        own = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
        self._chain, self._key = folder / "chain.pem", folder / "key.pem"
        self._chain.write_bytes(
            self._certificate(name, own.public_key(), authority, key, is_ca=False)
        )
        self._key.write_bytes(
            own.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )

    @contextmanager
    def serving(self, serve):
        """Serve by TLS; yields the URL."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._chain, self._key)
        server = Server(serve)
        # The handshake is the handler's: it must not hold up who listens.
        server._http.socket = context.wrap_socket(
            server._http.socket, server_side=True, do_handshake_on_connect=False
        )
        try:
            yield server.url.replace("http://", "https://")
        finally:
            server.stop()

    @staticmethod
    def _certificate(name, public_key, issuer, issuer_key, *, is_ca):
        now = datetime.now(UTC)
        usage = {
            "content_commitment": False,
            "key_encipherment": False,
            "data_encipherment": False,
            "key_agreement": False,
            "encipher_only": False,
            "decipher_only": False,
        }
        signer = issuer_key.public_key()
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - YEAR)
            .not_valid_after(now + YEAR)
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(digital_signature=True, key_cert_sign=is_ca, crl_sign=is_ca, **usage),
                critical=True,
            )
            .add_extension(
                x509.SubjectAlternativeName(
                    [
                        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
                        x509.DNSName("localhost"),
                    ]
                ),
                critical=False,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), critical=False
            )
        )
        certificate = builder.sign(issuer_key, hashes.SHA256())
        return certificate.public_bytes(serialization.Encoding.PEM)


def went_through(log, url):
    """Say whether a proxy's log tells of a server; it is written when a connection ends."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    port = f":{url.rpartition(':')[2]}"
    while port not in log.read_text() and time.monotonic() < give_up:
        time.sleep(POLL_SECONDS)
    return port in log.read_text()


@contextmanager
def forward_proxy(folder, login=None):
    """Run proxy.py, a forward proxy; yields its port and the log of what went through it."""
    port_file, log = folder / "port", folder / "proxy.log"
    port_file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "proxy", "--hostname", "127.0.0.1", "--port", "0"]
    command += ["--port-file", str(port_file), "--log-file", str(log)]
    command += ["--num-workers", "1", "--num-acceptors", "1", "--data-dir", str(folder)]
    command += ["--basic-auth", login] if login else []
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as proxy:
        try:
            give_up = time.monotonic() + PATIENCE_SECONDS
            while not (port_file.exists() and (text := port_file.read_text().strip())):
                assert proxy.poll() is None
                assert time.monotonic() < give_up
                time.sleep(POLL_SECONDS)
            port = int(text.split()[0])
            socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS).close()
            yield port, log
        finally:
            proxy.terminate()
