"""The first class from an artifact."""

import sys

import numpy as np

import strop.runtime

with strop.runtime.open(sys.argv[1]) as classifier:
    image = np.zeros(classifier.input.shape[1:], np.uint8)
    print(classifier.classify(image, top=1)[0].index, flush=True)
    sys.stdin.read()  # until its memory has been looked at
