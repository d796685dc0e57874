"""`edgecore link`: see, keep and play again what goes over a link; update what is at its end."""

import typer

from . import compare as comparing
from . import decode as decoding
from . import dissector as dissection
from . import log_table as tabling
from . import monitor as monitoring
from . import ports as listing
from . import record as recording
from . import replay as replaying
from . import update as updating

app = typer.Typer(
    name="link",
    help="The link to the firmware: watch it, record and replay it, update the firmware.",
    no_args_is_help=True,
)
app.command(epilog=monitoring.EXAMPLES)(monitoring.monitor)
app.command(epilog=recording.EXAMPLES)(recording.record)
app.command(epilog=replaying.EXAMPLES)(replaying.replay)
app.command(epilog=decoding.EXAMPLES)(decoding.decode)
app.command(epilog=comparing.EXAMPLES)(comparing.compare)
app.command("log-table", epilog=tabling.EXAMPLES)(tabling.log_table)
app.command(epilog=listing.EXAMPLES)(listing.ports)
app.command(epilog=dissection.EXAMPLES)(dissection.dissector)
app.command(epilog=updating.UPDATE_EXAMPLES)(updating.update)
app.command(epilog=updating.SIGN_EXAMPLES)(updating.sign)
