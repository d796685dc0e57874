"""Runs the pump of device.c until the tank has risen by 5 mm: python host.py /dev/pts/3 [PROGRAM].

Nothing here was built with the pump's messages: names, fields, units and scales come from the
device when the link opens. The words of what it logs are in its program file.
"""

import sys

import firmware_bridge as fb

with fb.connect(sys.argv[1], timeout=20) as link:
    tank = link.schema.by_name["tank"]
    level, unit = tank.field("level").scale, tank.field("level").unit
    SetPump = link.message("SetPump")
    with link.subscribe("tank") as batches:
        link.request(SetPump(speed=2400))  # `ramp` is optional: the device's own 2 s
        start = None
        for batch in batches:
            link.keep_alive(5)  # seconds that nobody need watch the pump; the device allows no more
            start = batch["level"][0] if start is None else start
            print(f"{batch['level'][-1] * level:.1f} {unit} at {batch['speed'][-1]} rpm")
            if (batch["level"][-1] - start) * level >= 5:
                break
        link.request(SetPump(speed=0, ramp=1))
    with link.logs(sys.argv[2:]) as logs:
        for _ in range(3):
            record = logs.read(timeout=5)
            print(record.level, record.text)
