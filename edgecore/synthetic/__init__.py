"""A rendered road with known truth: the `synthetic:` source and the room the model learns in."""

from edgecore.synthetic.camera import Camera, dash_cam
from edgecore.synthetic.nv12 import rgb_to_nv12
from edgecore.synthetic.road import Road
from edgecore.synthetic.scene import Truth

CLASS_NAMES = ("person", "car", "truck")

__all__ = ["CLASS_NAMES", "Camera", "Road", "Truth", "dash_cam", "rgb_to_nv12"]
