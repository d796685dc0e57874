"""smpclient manages a device through the link that also carries its commands."""

from __future__ import annotations

import asyncio
import hashlib
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

smpclient = pytest.importorskip("smpclient", reason="needs pip install 'edgecore[smp]'")

from smpclient import SMPClient  # noqa: E402
from smpclient.generics import success  # noqa: E402
from smpclient.requests.image_management import ImageStatesRead, ImageStatesWrite  # noqa: E402
from smpclient.requests.os_management import EchoWrite, ResetWrite  # noqa: E402
from smpclient.transport import SMPTransport  # noqa: E402

import firmware_bridge as fb  # noqa: E402
from firmware_bridge.smp import SmpTransport  # noqa: E402
from tests.link.compiling import ROOT  # noqa: E402
from tests.link.device import Device  # noqa: E402
from tests.link.smp_server import BUFFER_BYTES, SmpServer  # noqa: E402
from tests.link.test_link import wait_until  # noqa: E402

IMAGE = b"2.0.0" + random.Random(3).randbytes(9000)
KEY = bytes(range(32))


@pytest.fixture(params=[None, KEY], ids=["without a key", "with a key"])
def key(request: pytest.FixtureRequest) -> bytes | None:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def server(tmp_path: Path, key: bytes | None) -> Iterator[SmpServer]:
    server = SmpServer(tmp_path / "fw.sock", **({} if key is None else {"key": key}))
    yield server
    server.close()


@pytest.fixture
def link(server: SmpServer, key: bytes | None) -> Iterator[fb.Link]:
    with fb.connect(server.device.url, key=key) as link:
        yield link


def states(answer: Any) -> list[tuple[str, bool, bool]]:
    assert success(answer)
    return [(image.version, image.active, image.confirmed) for image in answer.images]


def test_our_transport_has_all_that_smpclients_has() -> None:
    public = {name for name in vars(SMPTransport) if not name.startswith("_")}
    assert public
    assert public <= set(dir(SmpTransport))


def test_image_is_uploaded_tried_and_confirmed(server: SmpServer, link: fb.Link) -> None:
    async def update() -> None:
        async with SMPClient(SmpTransport(link), link.url) as client:
            assert states(await client.request(ImageStatesRead())) == [("1.0.0", True, True)]
            offsets = [offset async for offset in client.upload(IMAGE)]
            assert offsets == sorted(offsets)
            assert offsets[-1] == len(IMAGE)
            digest = hashlib.sha256(IMAGE).digest()
            answer = await client.request(ImageStatesWrite(hash=digest))
            assert success(answer)
            assert answer.images[1].pending
            boot_id = link.info.boot_id
            assert success(await client.request(ResetWrite()))
            while link.state != "open" or link.info.boot_id == boot_id:
                await asyncio.sleep(0.01)
            answer = await client.request(ImageStatesRead())
            assert states(answer) == [("2.0.0", True, False), ("1.0.0", False, False)]
            assert answer.images[0].hash == digest
            answer = await client.request(ImageStatesWrite(confirm=True))
            assert states(answer)[0] == ("2.0.0", True, True)

    asyncio.run(update())
    assert server.slots.images[0] == IMAGE
    assert server.messages < len(IMAGE) // (BUFFER_BYTES - 100) + 8  # each as large as it may be


def test_the_page_about_it_tells_the_truth(server: SmpServer, link: fb.Link) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/smp.md").read_text(), re.S)
    names: dict[str, Any] = {}
    exec(block, names)
    asyncio.run(names["update"](link, IMAGE))
    assert server.slots.images[0] == IMAGE
    assert server.slots.confirmed


def test_messages_of_any_length_arrive_whole_and_commands_go_on_meanwhile(
    server: SmpServer, link: fb.Link
) -> None:
    async def talk() -> None:
        async with SMPClient(SmpTransport(link), link.url) as client:
            for length in (0, 1, 40, 45, 46, 47, 50, 100, 300, 370):
                text = "x" * length
                answer, alert = await asyncio.gather(
                    client.request(EchoWrite(d=text)),
                    link.request_async(fb.Alert(kind=1, level=1), 5.0),
                    return_exceptions=True,
                )
                assert success(answer)
                assert answer.r == text
                assert isinstance(alert, fb.RefusedError)  # this device knows SMP alone
                assert alert.status == fb.Status.UNKNOWN_TYPE

    asyncio.run(talk())


def test_message_that_the_server_has_no_room_for_is_refused(link: fb.Link) -> None:
    transport = SmpTransport(link)
    with pytest.raises(fb.RefusedError, match="bad argument"):
        asyncio.run(transport.send_and_receive(bytes(BUFFER_BYTES + 1)))
    for length in (0, 0x10000):
        with pytest.raises(ValueError, match=f"1 to 65535 bytes, got {length}"):
            asyncio.run(transport.send(bytes(length)))
    with pytest.raises(ValueError, match=r"mtu must be in 64\.\.65535 bytes, got 63"):
        SmpTransport(link, mtu=63)


def test_device_without_an_smp_server_is_told_as_such() -> None:
    with fb.connect("sim:") as link:
        with pytest.raises(fb.RefusedError, match="no SMP server behind its link"):
            asyncio.run(SMPClient(SmpTransport(link), link.url).connect())
        with pytest.raises(fb.ProtocolError, match="no message was sent"):
            asyncio.run(SmpTransport(link).receive())


def test_without_the_key_nothing_is_managed(tmp_path: Path) -> None:
    server = SmpServer(tmp_path / "keyed.sock", key=KEY, required=False)
    with fb.connect(server.device.url) as link, pytest.raises(fb.RefusedError) as raised:
        asyncio.run(SMPClient(SmpTransport(link), link.url).connect())
    assert raised.value.status == fb.Status.UNAUTHENTICATED
    assert server.messages == 0
    server.close()


def test_reset_before_the_answer_is_an_unknown_outcome(tmp_path: Path) -> None:
    device = Device(tmp_path / "mute.sock", answer=lambda request: None)

    async def lose() -> None:
        asking = asyncio.create_task(SmpTransport(link).send_and_receive(b"message"))
        while not device.executed:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(device.die)
        device.boot()
        await asking

    with fb.connect(device.url) as link:
        with pytest.raises(fb.UnknownOutcomeError):
            asyncio.run(lose())
        wait_until(lambda: link.state == "open")
        device.die()
        wait_until(lambda: link.state == "lost")
        with pytest.raises(fb.BridgeTimeoutError, match="it will not run") as raised:
            asyncio.run(SmpTransport(link, timeout=0.2).send_and_receive(b"too late"))
        assert not raised.value.may_run
        with pytest.raises(fb.BridgeConnectionError, match="expected an open link"):
            asyncio.run(SmpTransport(link).connect(link.url, 0.1))


@pytest.mark.parametrize("answer", [b"", b"\1", b"\0\0", b"\5\0", b"\2\0abc"])
def test_answers_that_make_no_sense_are_errors(tmp_path: Path, answer: bytes) -> None:
    device = Device(tmp_path / "odd.sock", answer=lambda request: (0, answer))
    with fb.connect(device.url) as link, pytest.raises(fb.ProtocolError, match="SMP: "):
        asyncio.run(SmpTransport(link).send_and_receive(b"message"))
    device.die()
