"""Raw head tensors to detections."""

from edgecore.decoding.decoder import Decoder, check_score_threshold, decode, make_choice
from edgecore.decoding.tensors import Quantization

__all__ = ["Decoder", "Quantization", "check_score_threshold", "decode", "make_choice"]
