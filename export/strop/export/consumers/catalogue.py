"""Lists the consumers by name."""

from __future__ import annotations

from difflib import get_close_matches

from strop.export.consumers import label_image, mediapipe
from strop.export.consumers.consumer import Consumer
from strop.runtime.errors import ConsumerError

CONSUMERS = {each.name: each for each in (mediapipe.CONSUMER, label_image.CONSUMER)}


def consumer_named(name: str) -> Consumer:
    """Find a consumer.

    Raises:
        ConsumerError: There is none of this name.
    """
    found = CONSUMERS.get(name)
    if found is None:
        near = get_close_matches(name, CONSUMERS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(CONSUMERS)};"
        raise ConsumerError(f"{name}: no such consumer; {hint} strop consumers lists all")
    return found
