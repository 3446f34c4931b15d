"""torchvision's networks, so that its checkpoints give its results.

They differ from keras.applications and from the zoo's own in padding (the same on all sides,
also where a kernel steps two pixels), in batch norm's epsilon, and in V3's classifier. Every
layer with weights is named like torchvision's module, with "_" for ".".

Source: torchvision 0.15, models/.
"""
