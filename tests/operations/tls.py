"""A TLS front for the test PostgreSQL, whose server is built without TLS.

It answers libpq's request for TLS with a certificate for one host name, then passes bytes on to the server behind it.
What is under test is the client: whom it believes.
"""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SSL_REQUEST = struct.pack("!ii", 8, 80877103)


@dataclass
class Front:
    """Where it listens, the authority to trust, and how many clients spoke TLS or tried without."""

    port: int
    authority: Path
    encrypted: int = 0
    plain: int = 0


@contextmanager
def tls_front(folder: Path, server: dict[str, str], host: str) -> Iterator[Front]:
    """A front with a certificate for `host` alone. Clients that ask for no TLS are cut off."""
    authority, chain, key = _certificates(folder, host)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        front = Front(listener.getsockname()[1], authority)
        threading.Thread(target=_accept, args=(listener, context, server, front), daemon=True).start()
        yield front


def _accept(listener: socket.socket, context: ssl.SSLContext, server: dict[str, str], front: Front) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(client, context, server, front), daemon=True).start()


def _serve(client: socket.socket, context: ssl.SSLContext, server: dict[str, str], front: Front) -> None:
    with suppress(OSError), client:
        if client.recv(8, socket.MSG_WAITALL) != SSL_REQUEST:
            front.plain += 1
            return
        client.sendall(b"S")
        with (
            context.wrap_socket(client, server_side=True) as wrapped,
            socket.create_connection((server["PGHOST"], int(server["PGPORT"]))) as behind,
        ):
            front.encrypted += 1
            back = threading.Thread(target=_pass_on, args=(behind, wrapped), daemon=True)
            back.start()
            _pass_on(wrapped, behind)
            back.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _certificates(folder: Path, host: str) -> tuple[Path, Path, Path]:
    """Files of an authority, of a certificate it signed for the host, and of that one's key."""
    now = datetime.datetime.now(datetime.UTC)
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"authority of tests {folder.name}")])

    def signed(subject: x509.Name, public: ec.EllipticCurvePublicKey, extension: x509.ExtensionType) -> bytes:
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(authority_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
            .sign(authority_key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM)

    try:
        name: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        name = x509.DNSName(host)
    paths = folder / "authority.crt", folder / "server.crt", folder / "server.key"
    paths[0].write_bytes(signed(authority_name, authority_key.public_key(), x509.BasicConstraints(True, None)))
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    paths[1].write_bytes(signed(subject, key.public_key(), x509.SubjectAlternativeName([name])))
    paths[2].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths
