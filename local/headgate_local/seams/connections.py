"""Seam: a connection that its client closed is closed at once; Hypercorn keeps it until its idle time-out.

A client that opens a connection for each request would use up the file descriptors of the cloud within a minute.
"""

from hypercorn.asyncio.tcp_server import TCPServer


def install() -> None:
    """End the wait for the idle time-out together with the reading."""
    read = TCPServer._read_data

    async def read_and_stop(server: TCPServer) -> None:
        try:
            await read(server)
        finally:
            await server.idle_task.stop()

    TCPServer._read_data = read_and_stop
