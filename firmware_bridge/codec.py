"""Frames as bytes: the codec of the link by itself, for tools and tests."""

from firmware_bridge._codec import BODY_MAX, Decoder, Frame, crc32c, encode

__all__ = ["BODY_MAX", "Decoder", "Frame", "crc32c", "encode"]
