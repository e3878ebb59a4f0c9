import socket
from urllib.parse import urlsplit

from infra.local.http import Answer, Request, Server


def test_a_part_of_a_request_is_not_taken_for_the_whole():
    """A request whose sender dies in the middle of its body is answered nothing and does nothing."""
    served: list[bytes] = []

    def serve(request: Request) -> Answer:
        served.append(request.body)
        return Answer(200, None)

    server = Server(serve)
    try:
        where = urlsplit(server.url)
        for body in (b"", b"part"):
            with socket.create_connection((where.hostname, where.port), timeout=5) as sender:
                sender.sendall(b"PUT /o/status HTTP/1.1\r\ncontent-length: 9\r\n\r\n" + body)
                sender.shutdown(socket.SHUT_WR)
                assert sender.recv(100) == b""
    finally:
        server.stop()
    assert served == []
