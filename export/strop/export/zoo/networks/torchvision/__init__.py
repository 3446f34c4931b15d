"""torchvision's networks, so that its checkpoints give its results.

They differ from keras.applications and from the zoo's own in padding (the same on all sides,
also where a kernel steps two pixels), in batch norm's epsilon, and in V3's classifier. Layers have
the names of torchvision's modules (`named_layers.py`).

Source: torchvision 0.15, models/.
"""
