"""A small RTSP camera: a process that serves H.264 over RTP inside the RTSP connection (RFC 2326).

    python rtsp_server.py PORT [FRAMES | VIDEO]

Every client gets a stream of its own, by the clock, beginning with a key frame: gray pictures, 20 a
second, each a level brighter than the one before, or a file of H.264 without end. FFmpeg's RTP
muxer makes the packets. With FRAMES the stream ends after so many. It prints the port when it
listens; 0 chooses one.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from collections.abc import Iterator
from io import RawIOBase
from typing import Any

import av
import numpy as np

WIDTH, HEIGHT, FPS = 128, 96, 20
DARKEST, LEVELS = 40, 160
SENDER_REPORT, SOURCE_DESCRIPTION, GOODBYE = 200, 202, 203
SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\n"
    "m=video 0 RTP/AVP 96\r\nc=IN IP4 0.0.0.0\r\n"
    "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:track\r\n"
)


class Interleaved(RawIOBase):
    """Takes each packet of the muxer and sends it with its channel and length before it."""

    def __init__(self, connection: socket.socket, sending: threading.Lock) -> None:
        self._connection, self._sending = connection, sending

    def writable(self) -> bool:
        return True

    def write(self, packet: Any) -> int:
        data = bytes(packet)
        is_control = SENDER_REPORT <= data[1] <= GOODBYE
        with self._sending:
            self._connection.sendall(
                b"$" + bytes([is_control]) + len(data).to_bytes(2, "big") + data
            )
        return len(data)


def picture(number: int) -> av.VideoFrame:
    level = DARKEST + number % LEVELS
    frame = av.VideoFrame.from_ndarray(
        np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8), format="yuv420p"
    )
    luma = np.frombuffer(frame.planes[0], np.uint8)
    luma[:] = level
    return frame


def rendered(muxer: Any, frames: int) -> Iterator[Any]:
    """Packets of so many gray pictures."""
    stream = muxer.add_stream(
        "libx264", rate=FPS, options={"preset": "ultrafast", "tune": "zerolatency", "g": "10"}
    )
    stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    for number in range(frames):
        frame = picture(number)
        frame.pts = number
        yield from stream.encode(frame)


def repeated(muxer: Any, path: str) -> Iterator[Any]:
    """Packets of a file, again and again, as they lie in it; parameter sets before key frames."""
    with av.open(path) as file:
        source = file.streams.video[0]
        stream = muxer.add_stream_from_template(source)
        inline = av.BitStreamFilterContext("h264_mp4toannexb", source, stream)
        passed = 0
        while True:
            file.seek(0)
            for number, packet in enumerate(file.demux(source)):
                if packet.dts is None:  # the end
                    passed += number
                    break
                packet.dts = packet.pts = passed + number
                packet.time_base = 1 / source.average_rate
                for whole in inline.filter(packet):
                    whole.stream = stream
                    yield whole


def play(connection: socket.socket, sending: threading.Lock, what: str) -> None:
    """Send packets by the clock until there are no more, or the client is gone."""
    with contextlib.suppress(OSError, av.FFmpegError):
        muxer = av.open(
            Interleaved(connection, sending), "w", format="rtp", options={"packetsize": "1200"}
        )
        packets = rendered(muxer, int(what)) if what.isdecimal() else repeated(muxer, what)
        begun = time.monotonic()
        for packet in packets:
            muxer.mux(packet)
            due = begun + float((packet.pts + 1) * packet.time_base)
            time.sleep(max(0.0, due - time.monotonic()))
        connection.shutdown(socket.SHUT_RDWR)


def request(lines: Any) -> tuple[str, dict[str, str]] | None:
    """Method and headers of the next request; what the client says in between is skipped."""
    while (first := lines.read(1)) == b"$":
        lines.read(int.from_bytes(lines.read(3)[1:], "big"))
    if not first:
        return None
    method = (first + lines.readline()).split()[0].decode()
    headers = {}
    while (line := lines.readline().decode().strip()) != "":
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    lines.read(int(headers.get("content-length", 0)))
    return method, headers


def serve(connection: socket.socket, what: str) -> None:
    """One client, until it is gone."""
    lines, sending = connection.makefile("rb"), threading.Lock()
    while (asked := request(lines)) is not None:
        method, headers = asked
        status, body, extra = "200 OK", "", ""
        if method == "OPTIONS":
            extra = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER\r\n"
        elif method == "DESCRIBE":
            body, extra = SDP, "Content-Type: application/sdp\r\n"
        elif method == "SETUP":
            transport = headers["transport"]
            extra = f"Transport: {transport}\r\nSession: 1\r\n"
            if "TCP" not in transport:
                status, extra = "461 Unsupported Transport", ""
        answer = f"RTSP/1.0 {status}\r\nCSeq: {headers['cseq']}\r\n{extra}"
        answer += f"Content-Length: {len(body)}\r\n\r\n{body}"
        try:
            with sending:
                connection.sendall(answer.encode())
        except OSError:  # the client is gone
            break
        if method == "PLAY":
            threading.Thread(target=play, args=(connection, sending, what), daemon=True).start()
        if method == "TEARDOWN":
            break
    connection.close()


def main(port: str, what: str = "1000000") -> None:
    with socket.create_server(("127.0.0.1", int(port))) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            connection, _ = server.accept()
            threading.Thread(target=serve, args=(connection, what), daemon=True).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
