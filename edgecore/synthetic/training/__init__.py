"""How the embedded model is made: scenes, network, training, export, evaluation.

`python -m edgecore.synthetic.training --out road.tflite` does it all. Only this package needs
TensorFlow, and imports it late; sampling scenes and evaluating need none.
"""
