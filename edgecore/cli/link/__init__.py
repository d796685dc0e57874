"""`edgecore link`: see, keep and play again what goes over a link; update what is at its end."""

import click

from edgecore.cli.command import Group


@click.group(
    "link",
    cls=Group,
    places={
        "monitor": "edgecore.cli.link.monitor:monitor",
        "record": "edgecore.cli.link.record:record",
        "replay": "edgecore.cli.link.replay:replay",
        "decode": "edgecore.cli.link.decode:decode",
        "compare": "edgecore.cli.link.compare:compare",
        "log-table": "edgecore.cli.link.log_table:log_table",
        "ports": "edgecore.cli.link.ports:ports",
        "dissector": "edgecore.cli.link.dissector:dissector",
        "update": "edgecore.cli.link.update:update",
        "sign": "edgecore.cli.link.update:sign",
    },
)
def link() -> None:
    """The link to the firmware: watch it, record and replay it, update the firmware."""
